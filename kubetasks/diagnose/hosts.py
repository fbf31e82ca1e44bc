"""The hosts and ports that a text names: a log line, the value of a variable, a command."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LABEL: Final = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
NAME: Final = rf"{LABEL}(?:\.{LABEL})*"
IPV4: Final = r"\d{1,3}(?:\.\d{1,3}){3}"
# What names a host in passing, the surest forms first. Group 1 is the host, group 2 its port where it has one.
FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\b[a-z][a-z0-9+.-]{{1,20}}://(?:[^\s/@'\"]*@)?({NAME})(?::(\d{{2,5}}))?",  # a URL
        rf"\blookup ({NAME})\.? on {IPV4}",  # Go's resolver
        rf"\blookup ({NAME})\.?(?::|$)",
        rf"\bdial tcp:? ({NAME}|{IPV4}):(\d{{2,5}})",
        rf"could not translate host name \"({NAME})\"",  # libpq
        rf"connection to server at \"({NAME}|{IPV4})\"(?: \([^)]*\))?, port (\d{{2,5}})",
        rf"could not resolve host:? '?({NAME})'?",  # curl, git
        rf"unable to resolve host address [\u2018'`\"]({NAME})",  # GNU wget
        rf"bad address '({NAME})(?::(\d+))?'",  # busybox
        rf"(?:ENOTFOUND|EAI_AGAIN|getaddrinfo)\s+(?!ENOTFOUND|EAI_)({NAME})(?::(\d{{2,5}}))?",  # Node.js
        rf"ECONNREFUSED\s+({NAME}|{IPV4}):(\d{{2,5}})",
        rf"UnknownHostException:\s*({NAME})",  # Java
        rf"failed to connect to (?:/)?({NAME}|{IPV4})(?: port |:|/\S*:)(\d{{2,5}})",  # curl, Java
        (
            rf"(?:connect(?:ion|ing)?|reach|waiting|wait) (?:to"
            rf"|for) (?:the )?(?:\w+ )?(?:at )?[\"'`]?({NAME})[\"'`]?:(\d{{2,5}})"
        ),
        rf"host[=:] ?['\"]?({NAME}|{IPV4})['\"]?,? *port[=:] ?(\d{{2,5}})",  # urllib3, psycopg
        rf"connection to (?:the )?({NAME}) (?:timed|failed|refused|lost|reset|was)",
        rf"host ['\"]({NAME}|{IPV4})['\"]",
        rf"\bnc\s+(?:-\S+\s+)*({NAME}|{IPV4})\s+(\d{{2,5}})",
        rf"\b(?:nslookup|getent hosts|dig)\s+({NAME})",
        rf"\bpg_isready\b.*?-h\s*({NAME})(?:.*?-p\s*(\d+))?",
        rf"\b(?:mysqladmin|redis-cli)\b.*?-h\s*({NAME})(?:.*?-p\s*(\d+))?",
        rf"(?<![\w./@-])({NAME}):(\d{{2,5}})\b",  # name:port on its own
        rf"(?<![\w./@-])({NAME}\.svc(?:\.cluster\.local)?)\b",
    )
)
# Lines that complain of a name that could not be resolved.
UNRESOLVED: Final = re.compile(
    r"resolv|ENOTFOUND|EAI_AGAIN|no such host|bad address|name or service not known|unknownhost|translate host"
    r"|nodename nor servname|name does not resolve|no address associated",
    re.IGNORECASE,
)
# File names and version numbers look like hosts.
NOT_HOSTS: Final = re.compile(
    r"^(?:\d+|line|at|port|pid|code|status|\d{4}-\d\d-\d\dt?\d*|.*\.(?:py|js|ts|go|java|rb|php|sh|json|ya?ml|so|c|h|log|txt"
    r"|conf|html|css|xml|rs|cpp|mjs))$",
    re.IGNORECASE,
)
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Host:
    """A host as a program names it, with the port where one is named (else 0)."""

    text: str
    port: int = 0

    @property
    def parts(self) -> list[str]:
        """The labels of a name."""
        return self.text.rstrip(".").split(".")

    @property
    def is_address(self) -> bool:
        """Whether it is an IPv4 address."""
        return re.fullmatch(IPV4, self.text) is not None

    @property
    def is_loopback(self) -> bool:
        """Whether it is the container itself."""
        return self.text.lower() in LOOPBACK or self.text.startswith("127.")

    @property
    def name(self) -> str:
        """The first label: a Service's name, where it is one."""
        return self.parts[0].lower()

    @property
    def namespace(self) -> str:
        """The namespace in ``name.namespace[.svc…]``; empty for a bare name."""
        return self.parts[1].lower() if len(self.parts) > 1 else ""

    @property
    def is_service_like(self) -> bool:
        """Whether the cluster's DNS would be asked for a Service of that name."""
        if self.is_address or self.is_loopback:
            return False
        return len(self.parts) <= 2 or self.parts[2] == "svc"

    @property
    def shown(self) -> str:
        """``host:port``, or the host alone."""
        return f"{self.text}:{self.port}" if self.port else self.text


def hosts_in(text: str) -> Iterator[Host]:
    """The hosts that a text names, the surest first, each once."""
    seen: set[Host] = set()
    for form in FORMS:
        for match in form.finditer(text):
            port = match[2] if form.groups > 1 else None
            host = Host(match[1].lower(), int(port or 0))
            if host in seen or NOT_HOSTS.match(host.text) or host.port > 65535:
                continue
            if not host.port and any(each.text == host.text for each in seen):
                continue
            seen.add(host)
            yield host
