"""What the readers of secrets' values work with, and what they give."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kubetasks.redact import Sensitive

Prompt = Callable[[str], str]
# Gives what a program prints on its standard output, for a secret of this name.
Ask = Callable[[str, Sequence[str]], str]


@dataclass(frozen=True)
class Found:
    """A value, and where it came from, in words."""

    value: Sensitive
    origin: str


@dataclass(frozen=True)
class Sources:
    """Where values may be found.

    Args:
        environ: the environment of this process.
        file: what the env file gives.
        file_name: the env file's name.
        ask: runs a command; None runs none.
        prompt: asks a person; None asks no one.
        known: the names of secrets that have a value in the cluster: no one is asked for these.
    """

    environ: Mapping[str, str] = field(repr=False, default_factory=dict)
    file: Mapping[str, str] = field(repr=False, default_factory=dict)
    file_name: str = ""
    ask: Ask | None = None
    prompt: Prompt | None = None
    known: Collection[str] = ()
