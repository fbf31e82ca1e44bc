"""What kubectl and helm print when a request did not reach a Kubernetes API server, or was not let in, as a kind.

One table for every caller: the store, Helm, port-forward, cluster.up and doctor. The messages come from Go's standard
library (net, net/http, crypto/tls, crypto/x509), client-go and the API server; both programs print them alike. What the
API server says of an object ("is invalid", "denied the request") is no trouble of this sort, whatever words are in it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit


class Kind(StrEnum):
    """The kinds; each has its own error in ``kubetasks.targets.contact``."""

    PLUGIN = "plugin"
    PROXY = "proxy"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    WRONG_NAME = "wrong name"
    CLIENT_CERTIFICATE = "client certificate"
    NO_TLS = "no TLS"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    CONFIG = "kubeconfig"
    CONTEXT = "context"
    NO_NAME = "unknown host"
    REFUSED = "refused"
    NO_ROUTE = "no route"
    LOST = "lost"
    BUSY = "busy"


@dataclass(frozen=True)
class Trouble:
    """Why there was no answer.

    Args:
        kind: its kind.
        why: the line that says so, without the programs' own preambles.
        passing: whether the same request may well succeed in a moment.
    """

    kind: Kind
    why: str
    passing: bool = False


# Checked from top to bottom; the first that matches counts. A row: the kind, whether it may pass by itself, patterns.
TABLE: Final[tuple[tuple[Kind, bool, tuple[str, ...]], ...]] = (
    (Kind.PLUGIN, False, (
        r"getting credentials: ", r"exec plugin: invalid apiVersion", r"to use exec authentication plugin",
        r"auth plugin has been removed", r"no Auth Provider found for name", r"ID Token is not a valid JWT", r"oidc: ",
    )),
    (Kind.PROXY, True, (
        r"proxyconnect tcp", r"socks connect",
        (r"(?:Unable to connect to the server|\"https?://[^\"]*\"): "
        r"(?:Bad Gateway|Service Unavailable|Gateway Time-?out|Internal Server Error)\b"),
        r"an error on the server \(\"\s*<(?:!doctype|html)",
    )),
    (Kind.PROXY, False, (
        r"Proxy Authentication Required", r"status code 407", r"<html\b", r"<!doctype html",
        r"invalid character '<' looking for beginning of value", r"cannot parse invalid wire-format data",
        r"server version error: could not parse",
        (r"(?:Unable to connect to the server|\"https?://[^\"]*\"): "
        r"(?:Forbidden|Not Found|Method Not Allowed|Bad Request)\s*$"),
        (r"(?:API group list.*|failed to download openapi: |cluster unreachable: )"
        r"the server could not find the requested resource"),
    )),
    (Kind.EXPIRED, False, (r"certificate has expired or is not yet valid",)),
    (Kind.WRONG_NAME, False, (
        r"x509: certificate is valid for .*, not ", r"doesn't contain any IP SANs",
        r"certificate is not valid for any names", r"relies on legacy Common Name",
    )),
    (Kind.CLIENT_CERTIFICATE, False, (
        (r"remote error: tls: (?:bad certificate|certificate required|expired certificate|unknown certificate"
        r"|unsupported certificate|revoked certificate|certificate unknown|access denied)"),
    )),
    (Kind.CONFIG, False, (
        r"unable to load root certificates", r"private key does not match public key",
        r"failed to find any PEM data", r"error loading config file", r"illegal base64 data",
        r"unable to read (?:certificate-authority|client-cert|client-key|tokenFile)",
        r"invalid configuration", r"Error in configuration", r"host must be a URL or a host:port pair",
        r"unsupported protocol scheme", r"invalid header field value for \"Authorization\"",
        r"invalid 'proxy-url'", r": invalid port\b", r"root certificates file with the insecure flag",
        r"more than one authentication method found", r"without impersonating a user", r"read empty token from file",
    )),
    (Kind.UNTRUSTED, False, (r"x509: ",)),
    (Kind.NO_TLS, False, (
        r"first record does not look like a TLS handshake", r"gave HTTP response to HTTPS client",
        r"sent an HTTP request to an HTTPS server", r"malformed HTTP (?:response|version|status)",
        r"oversized record received", r"\btls: ",
    )),
    (Kind.UNAUTHORIZED, False, (
        r"\(Unauthorized\)", r"must be logged in to the server", r"has asked for the client to provide credentials",
        r"User \"system:anonymous\" cannot",
    )),
    (Kind.FORBIDDEN, False, (
        r"forbidden: User \"[^\"]*\" cannot ",
        (r"(?:\(Forbidden\)|failed to download openapi|error validating data|cluster unreachable"
        r"|unable to recognize \"[^\"]*\"): unknown$"),
    )),
    (Kind.CONTEXT, False, (r"context \"?[^\"]*\"? does not exist", r"no context exists with the name")),
    (Kind.NO_NAME, True, (r"no such host", r"server misbehaving", r"temporary failure in name resolution")),
    (Kind.REFUSED, True, (r"connection refused", r"connection to the server .* was refused", r"actively refused it")),
    (Kind.NO_ROUTE, True, (r"no route to host", r"network is unreachable", r"host is (?:down|unreachable)")),
    (Kind.BUSY, True, (
        r"etcdserver: (?:request timed out|leader changed|no leader|too many requests)",
        r"the server is currently unable to handle the request", r"apiserver is shutting down",
        r"has received too many requests", r"unable to return a response in the time allotted",
        r"an error on the server \(.*\) has prevented the request from succeeding",
    )),
    (Kind.LOST, True, (
        r"Unable to connect to the server: ", r"i/o timeout", r"TLS handshake timeout", r"connection timed out",
        r"connection reset by peer", r"broken pipe", r"use of closed network connection", r"unexpected EOF",
        r"(?:: |^)EOF$", r"request canceled", r"Client\.Timeout", r"http2: ", r"error from a previous attempt: ",
        r"server closed idle connection", r"transport connection broken", r"forcibly closed", r"stream ID \d+",
        r"(?:\"https?://[^\"]*\"|failed to download openapi): context deadline exceeded",
        r"cluster unreachable", r"error dialing \S+: EOF",
    )),
)  # fmt: skip
_ROWS: Final = tuple((kind, passing, re.compile("|".join(row), re.IGNORECASE)) for kind, passing, row in TABLE)

# kubectl's own log lines, with the escaped text that they carry.
_LOG_LINE: Final = re.compile(r"^[EWIF]\d{4} .*?(?:err=(?P<text>.*))?$")
# An aggregated API that does not answer is only mentioned; the call itself continues.
_BY_THE_WAY: Final = re.compile(r"couldn't get resource list for")
# The API server answered. Only these answers are about the connection, or about the server itself.
_ANSWER: Final = re.compile(r"^(?:Error from server|Warning:)| is invalid(?::|$)")
_ABOUT_ITSELF: Final = re.compile(
    r"^Error from server \((?:Unauthorized|ServiceUnavailable|TooManyRequests|Timeout|InternalError|NotFound)\)"
    r"|forbidden: User \"|\(Forbidden\): unknown$|<html|<!doctype|status code 407|sent an HTTP request"
    r"|^Error from server: (?:etcdserver|Get)",
    re.IGNORECASE,
)
# The API server reports that a webhook or a kubelet does not answer *it*.
_BEHIND: Final = re.compile(r"failed calling webhook|/containerLogs/|admission webhook|error dialing \S+: dial")
_PREAMBLE: Final = re.compile(
    r"^(?:error|Error from server(?: \(\w+\))?|Error|Unable to connect to the server|unable to recognize \"[^\"]*\""
    r"|error validating \"[^\"]*\"|error validating data|failed to download openapi|Kubernetes cluster unreachable"
    r"|UPGRADE FAILED|INSTALLATION FAILED|error when \w+ \"[^\"]+\"): ",
    re.IGNORECASE,
)
_REJECTED: Final = "the server rejected our request"
_OFFER: Final = re.compile(r"; if you choose to ignore these errors, turn validation off with --validate=false$")


def classify(text: str, server: str = "") -> Trouble | None:
    """The trouble that a failed call's error output tells of; None when the cluster answered the request.

    Args:
        text: all of it.
        server: the API server's URL, as far as known: another host in the text is a redirect.
    """
    said, logged = _lines(text)
    redirected = _redirected([*said, *logged], server)
    if redirected is not None:
        return redirected
    if server.startswith("http://") and _REJECTED in text:  # what speaks TLS answers plain HTTP with "400 Bad Request"
        return Trouble(Kind.NO_TLS, _REJECTED)
    for kind, passing, pattern in _ROWS:
        # kubectl tries several times and says less in its last line than in its log. What does not pass by itself
        # counts in either; what may pass, in the last line, but for a proxy that is named in the log alone.
        lines = said if passing and said and kind is not Kind.PROXY else [*said, *logged]
        for line in lines:
            found = pattern.search(line)
            if found:
                return Trouble(kind, _why(line, said, kind), passing)
    return None


def _lines(text: str) -> tuple[list[str], list[str]]:
    """What the program says, and what it logged on the way; without what is not about the connection."""
    said, logged = [], []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or _BEHIND.search(line) or _BY_THE_WAY.search(line):
            continue
        log = _LOG_LINE.match(line)
        if log:
            quoted = (log["text"] or "").strip().removeprefix('"').removesuffix('"')
            # Kept in one line with what it is about: only together do they say which request it was.
            logged.append(re.sub(r"\\(.)", r"\1", f"{line.partition(' err=')[0].rpartition('] ')[2]} {quoted}"))
        elif not _ANSWER.search(line) or _ABOUT_ITSELF.search(line):
            said.append(_OFFER.sub("", line))
    return said, logged


def _redirected(lines: Iterable[str], server: str) -> Trouble | None:
    wanted = urlsplit(server if "://" in server else f"https://{server}").netloc if server else ""
    for line in lines:
        found = re.search(r"(?:Get|Head) \"(https?://[^\"]+)\": ", line)
        if found and wanted and urlsplit(found[1]).netloc != wanted:
            return Trouble(Kind.PROXY, f"it sent the request on to {urlsplit(found[1]).netloc}")
    return None


def _why(line: str, said: list[str], kind: Kind) -> str:
    why = stripped(line)
    if kind is Kind.PLUGIN:
        why = why.removeprefix("getting credentials: ")
        own = [each for each in said if each != line and not _PREAMBLE.match(each) and each not in why]
        if own:  # what the plugin itself printed, or where to get it
            why = f"{why}; {own[0]}"
    return why


def stripped(line: str) -> str:
    """A message without what kubectl and helm put before it."""
    before = ""
    text = line.strip()
    while before != text:
        before = text
        text = _PREAMBLE.sub("", text)
        text = re.sub(r"^(?:Couldn't get current server API group list\"? )?\"?(?:Get|Post|Patch|Put|Delete|Head) "
                      r"\"https?://[^\"]*\": ", "", text)  # fmt: skip
        text = re.sub(r"^\"?Couldn't get current server API group list\"? \"?", "", text)
    return text.rstrip('"')
