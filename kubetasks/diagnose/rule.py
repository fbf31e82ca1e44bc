"""Rules: what is known about a kind of trouble, as data, and the checks that look for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from kubetasks.diagnose.finding import Confidence, Fix, Severity
from kubetasks.diagnose.graph import World

FOR_EVER: Final = float("inf")
# How near to the root a cause is. Of two about the same thing the deeper one is the cause and the other its symptom.
SYMPTOM, CRASH, EXIT, PROBE, LOG, START, VOLUME, PLACE, CLUSTER = range(10, 100, 10)


@dataclass(frozen=True)
class Rule:
    """What is known about one kind of trouble.

    Args:
        id: the stable ID; documented and searched for, so it is never renamed.
        family: the group in docs/diagnoses.
        title: what is wrong, in a few words.
        signal: what in the cluster shows it.
        why: how it comes about.
        fix: what fixes it.
        depth: how near to the root it is; see ``SYMPTOM`` and the others.
        grace: how many seconds a rollout waits whether it resolves itself.
        severity: how bad it is by itself; the engine raises it where users are affected.
        symptom: it says nothing by itself: it is only shown below a cause.
        needed: it is only a cause where another workload suffers from it; by itself it may be on purpose.
    """

    id: str
    family: str
    title: str
    signal: str
    why: str
    fix: str
    depth: int
    grace: float = 0.0
    severity: Severity = "error"
    symptom: bool = False
    needed: bool = False


@dataclass(eq=False)
class Candidate:
    """A possible cause that a check found.

    Args:
        rule: what is known about it.
        subject: the object at fault, ``Kind/name``.
        cause: the cause in one line.
        fix: what to do.
        because: the evidence.
        at: the part of the subject, a container for example; empty: the whole.
        blames: objects that may be the deeper cause; if one of them has its own cause, this is its symptom.
        affects: further objects that it keeps from working.
        confidence: how sure it is.
        grace: overrides the rule's.
        severity: overrides the rule's.
        depth: overrides the rule's.
    """

    rule: Rule
    subject: str
    cause: str
    fix: Fix
    because: list[str] = field(default_factory=list)
    at: str = ""
    blames: tuple[str, ...] = ()
    affects: tuple[str, ...] = ()
    confidence: Confidence = "certain"
    grace: float | None = None
    severity: Severity | None = None
    depth: int = 0

    def __post_init__(self) -> None:
        """Take the rule's depth where none is given."""
        self.depth = self.depth or self.rule.depth


Check = Callable[[World], Iterator[Candidate]]
RULES: Final[dict[str, Rule]] = {}
CHECKS: Final[list[Check]] = []


def define(
    id: str,  # noqa: A002
    family: str,
    title: str,
    *,
    signal: str,
    why: str,
    fix: str,
    depth: int,
    grace: float = 0.0,
    severity: Severity = "error",
    symptom: bool = False,
    needed: bool = False,
) -> Rule:
    """Make a rule known; see ``Rule``."""
    if id in RULES:
        raise ValueError(f"two rules are called {id}")
    RULES[id] = Rule(id, family, title, signal, why, fix, depth, grace, severity, symptom, needed)
    return RULES[id]


@dataclass(frozen=True)
class Family:
    """Makes the rules of one family known, most of which are equally deep."""

    name: str
    depth: int
    grace: float = 0.0

    def rule(
        self,
        id: str,  # noqa: A002
        title: str,
        signal: str,
        why: str,
        fix: str,
        *,
        grace: float | None = None,
        depth: int = 0,
    ) -> Rule:
        """Make a rule known; see ``Rule``."""
        wait = self.grace if grace is None else grace
        return define(id, self.name, title, signal=signal, why=why, fix=fix, depth=depth or self.depth, grace=wait)


def check(function: Check) -> Check:
    """Have a check run with every diagnosis."""
    CHECKS.append(function)
    return function
