"""Values from environment variables."""

from kubetasks.redact import Sensitive
from kubetasks.secrets.readers.base import Found, Sources
from kubetasks.settings.sections import Secret


def read(name: str, _secret: Secret, sources: Sources) -> Found | None:
    """The variable of the secret's name; an empty one counts as none."""
    text = sources.environ.get(name)
    return Found(Sensitive(text), "environment") if text else None
