"""Log classes: what the program talks to does not exist, does not answer, or is not trusted."""

import re
from typing import Final

from kubetasks.diagnose.fixes import words
from kubetasks.diagnose.logs import Match, log_class
from kubetasks.diagnose.reach import unreachable
from kubetasks.diagnose.rule import Candidate
from kubetasks.diagnose.tables.databases import database
from kubetasks.diagnose.talk import asked, blame

log_class(
    "NAME_NOT_RESOLVED",
    r"could not translate host name",
    r"(?i)(?:temporary failure in name resolution|name or service not known|name does not resolve|no address associated with hostname"
    r"|nodename nor servname provided|could not resolve host|unable to resolve host|name resolution (?:failed|failure)"
    r"|failed to resolve|cannot resolve|host not found in upstream|couldn't resolve|failure in name resolution"
    r"|can't resolve|unknown host|host name lookup failure|server can't find|non-existent domain|Unknown MySQL server host)",
    r"\b(?:ENOTFOUND|EAI_AGAIN|EAI_NONAME)\b|UnknownHostException|socket\.gaierror|no such host|bad address '",
    r"curl: \(6\)|NXDOMAIN|getaddrinfo .{0,40}failed",
    title="a host's name cannot be resolved",
    why="No Service of that name exists in this namespace, the name is misspelt, or the cluster's DNS does not answer.",
    fix="correct the host's name where it is set, or create the Service",
    makes=lambda match: unreachable(match, "name"),
    running=True,
    grace=10.0,
    family="network",
)

log_class(
    "CONNECTION_REFUSED",
    r"(?i)connection refused|ECONNREFUSED|actively refused|connect\(\) failed \(111|Connection to .+ refused"
    r"|failed to connect to .+ port \d+.*refused|curl: \(7\)|can't connect to (?:remote|\w+ server)|\[Errno 111\]|no route to host|EHOSTUNREACH"
    r"|- (?:no response|rejecting connections)\s*$",
    title="a connection is refused",
    why="The Service exists, but nothing listens behind the port that was asked: wrong port, no ready pod, or not yet.",
    fix="correct the port, or see why the pods behind the Service are not ready",
    makes=lambda match: unreachable(match, "refused"),
    running=True,
    grace=30.0,
    family="network",
)

# After what tells that nothing answers: then a pool is exhausted too.
log_class(
    "DB_TOO_MANY_CONNECTIONS",
    r"(?i)too many (?:clients|connections)(?: already| for role)?|remaining connection slots are reserved"
    r"|(?:connection )?pool (?:is )?exhausted|QueuePool limit of size|max(?:imum)? (?:number of )?(?:client )?connections? reached"
    r"|max clients reached|connection pool.{0,30}(?:timeout|timed out|exhausted|full)|connections? (?:in use|active): ?(\d+)/\1\b",
    title="the database has no connection left",
    why="All pods together hold more connections than the database or its pool allows.",
    fix="lower the pool's size or the replicas, or raise the database's limit",
    makes=lambda match: database(
        match,
        "DB_TOO_MANY_CONNECTIONS",
        f"no database connection is left ({match.line[:60]})",
        "lower the replicas or the size of the connection pool, or raise the database's max_connections",
    ),
    running=True,
    grace=20.0,
    family="database",
)

log_class(
    "CONNECTION_TIMEOUT",
    r"(?i)(?:connection|connect|connecting|request|operation|read|dial|socket|handshake|upstream)\b.{0,60}\btimed? ?out|i/o timeout|ETIMEDOUT|ESOCKETTIMEDOUT"
    r"|curl: \(28\)|timeout (?:expired|was reached|awaiting|error|exceeded)|context deadline exceeded|deadline exceeded|download timed out"
    r"|ConnectTimeout|ReadTimeout|TimeoutError|network is unreachable|ENETUNREACH",
    title="a connection times out",
    why="Packets are dropped on the way: a NetworkPolicy, a firewall, a wrong address, or a peer that is overloaded.",
    fix="see whether a NetworkPolicy or a firewall drops it, and whether the address is right",
    makes=lambda match: unreachable(match, "timeout"),
    running=True,
    grace=30.0,
    family="network",
)

log_class(
    "CONNECTION_RESET",
    r"(?i)connection reset by peer|ECONNRESET|broken pipe|EPIPE|server closed the connection unexpectedly|remote end closed connection"
    r"|curl: \((?:52|56)\)|socket hang up|empty reply from server|unexpected EOF|lost connection to",
    title="the peer closes the connection",
    why="The other side ended or restarted in the middle, or it speaks another protocol on that port.",
    fix="see the log of the other side; check that protocol and port fit",
    makes=lambda match: unreachable(match, "reset"),
    grace=30.0,
    family="network",
)

# What is wrong with a certificate, by the words of OpenSSL, Go, Java and curl.
TLS: Final = (
    (
        "EXPIRED",
        r"certificate (?:has )?expired|CERT_HAS_EXPIRED|CertificateExpiredException|x509: certificate has expired",
        "its certificate has expired",
        "renew the certificate",
    ),
    (
        "NAME",
        (
            r"hostname mismatch|doesn't match|does not match (?:target|the) host|certificate is (?:not )?valid for|ERR_TLS_CERT_ALTNAME_INVALID"
            r"|no alternative certificate subject name|cannot validate certificate for .+ because it doesn't contain any IP SANs"
        ),
        "its certificate is for another name",
        "ask for the name that the certificate has, or issue one for this name",
    ),
    (
        "UNTRUSTED",
        (
            r"unable to get (?:local )?issuer certificate|self[- ]signed certificate|unknown (?:certificate )?authority|certificate verify failed"
            r"|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_VERIFY_LEAF|PKIX path building failed|curl: \(60\)|SSL certificate problem"
            r"|tls: (?:failed to verify|bad) certificate|CERTIFICATE_VERIFY_FAILED"
        ),
        "its certificate is not trusted here",
        "give the container the authority's certificate (a ConfigMap, and SSL_CERT_FILE or the like)",
    ),
    (
        "PROTOCOL",
        (
            r"wrong version number|first record does not look like a TLS handshake|HTTP response to HTTPS client|plain HTTP request was sent"
            r"|SSL_ERROR_RX_RECORD_TOO_LONG|unrecognized name|handshake failure|packet length too long|http: server gave HTTP response"
        ),
        "one side speaks TLS and the other does not",
        "use http:// instead of https:// (or the reverse), or the port that speaks TLS",
    ),
)


def _tls(match: Match) -> Candidate | None:
    text = match.lines[match.index].text
    for _, pattern, said, fix in TLS:
        if re.search(pattern, text, re.IGNORECASE):
            host = asked(match)
            peer = host.host.shown if host else "the peer"
            cause = f"{match.who} does not trust {peer}: {said}"
            if "speaks TLS" in said:
                cause = f"{match.who}: {said}, at {peer}"
            return Candidate(
                TLS_CLASS.rule,
                match.workload.key,
                cause,
                words(f"{fix}, then restart the pods"),
                blames=blame(match.world, host),
            )
    return None


TLS_CLASS = log_class(
    "TLS",
    "(?i)" + "|".join(pattern for _, pattern, _, _ in TLS),
    title="TLS fails",
    why="The certificate has expired, is for another name or of an authority that is not known here, or one side speaks no TLS.",
    fix="renew or trust the certificate, or correct http and https in the address",
    makes=_tls,
    running=True,
    grace=0.0,
    family="network",
)
CLASSES_OF_TALK: Final = ("NAME_NOT_RESOLVED", "CONNECTION_REFUSED", "CONNECTION_TIMEOUT", "CONNECTION_RESET")
