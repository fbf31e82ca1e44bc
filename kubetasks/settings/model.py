"""What is wrong with the settings of the model that answers questions (``aiops``)."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from kubetasks.addresses import InvalidUrl, endpoint, is_local_url
from kubetasks.settings.fault import Fault
from kubetasks.settings.sections import Settings

VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
EXAMPLE: Final = "e.g. https://api.openai.com/v1"


def faults(settings: Settings) -> Iterator[Fault]:
    """Values that cannot work."""
    wanted = settings.aiops
    if wanted.endpoint:
        yield from _endpoint(wanted.endpoint)
        if not wanted.model:
            yield Fault("aiops.model", "it is empty, and aiops.endpoint is set", "name a model of that endpoint")
    elif wanted.model:
        yield Fault("aiops.endpoint", "it is empty, and aiops.model is set", f"set the API's base URL, {EXAMPLE}")
    if not VARIABLE.fullmatch(wanted.key_secret):
        yield Fault("aiops.key_secret", "it is not the name of a variable", "e.g. LLM_API_KEY")


def _endpoint(url: str) -> Iterator[Fault]:
    path = "aiops.endpoint"
    if not url.startswith(("http://", "https://")):
        yield Fault(path, "it is not an http or https URL", EXAMPLE)
        return
    try:
        endpoint(url)
    except InvalidUrl as error:
        yield Fault(path, str(error), EXAMPLE)
        return
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        yield Fault(path, "it contains a user or a password", "remove it; the key is the secret aiops.key_secret")
    elif parts.query or parts.fragment:
        yield Fault(path, "it has a query or a fragment", f"give the base URL alone, {EXAMPLE}")
    elif parts.scheme == "http" and not is_local_url(url):
        yield Fault(path, "it is http and not at a local address: the key would travel unencrypted", "use https")
    elif parts.path.rstrip("/").endswith("/chat/completions"):
        yield Fault(path, "it is the URL of one call", f"leave /chat/completions out, {EXAMPLE}")
