"""Log classes: APIs that refuse: Kubernetes' own, and others over HTTP."""

from collections.abc import Iterator

from kubetasks.diagnose import rbac
from kubetasks.diagnose.fixes import words
from kubetasks.diagnose.logs import Match, log_class, undo
from kubetasks.diagnose.rule import RULES, Candidate
from kubetasks.diagnose.talk import asked, blame
from kubetasks.diagnose.upstream import settings


def _forbidden(match: Match) -> Candidate | None:
    """A call to the Kubernetes API that is not allowed."""
    world, here = match.world, match.world.snapshot.namespace
    call = rbac.refused(match.lines[match.index].text, match.workload, here)
    if call is None:
        call = rbac.guessed(_texts(match), match.workload, here)
        if call is None:
            return None
    why, fix = rbac.grant(world, match.workload, call)
    cause = f"{match.who} gets 403 from the Kubernetes API for {call.shown}: {why}"
    if len(cause) > 120:
        cause = f"{match.who}: {why}"
    return Candidate(FORBIDDEN.rule, match.workload.key, cause, fix)


def _texts(match: Match) -> Iterator[str]:
    """Where the path of a call can be: near the line, then in the configuration of the container."""
    yield from match.around(20, 20)
    for setting in settings(match.world, match.workload):
        yield setting.value


FORBIDDEN = log_class(
    "API_FORBIDDEN",
    r"is forbidden: User .{0,3}system:serviceaccount:",
    r"cannot [a-z]+ resource .{1,60} in API group",
    r"(?:ApiException|HTTP Error|status(?: code)?|HTTP/[\d.]+|HTTPError|Error from server)\W{0,4}\(?403|\b403:? Forbidden|Forbidden.{0,12}\b403\b",
    title="a ServiceAccount may not do what the program asks",
    why="The program calls the Kubernetes API as its pod's ServiceAccount, and no Role allows the call.",
    fix="allow the call in a Role that is bound to the pod's ServiceAccount",
    makes=_forbidden,
    running=True,
    family="admission",
)

log_class(
    "API_UNAUTHORIZED",
    r"(?P<what>Unauthorized: .*kubernetes|the server has asked for the client to provide credentials"
    r"|serviceaccount/token: no such file|open /var/run/secrets/kubernetes\.io/serviceaccount/token"
    r"|unable to load in-cluster configuration|Service host/port is not set"
    r"|service account token has (?:expired|been invalidated)"
    r"|No such file or directory: '/var/run/secrets/kubernetes\.io/serviceaccount/token')",
    title="the pod has no token for the Kubernetes API",
    why="The token is not mounted (automountServiceAccountToken: false), or it has expired.",
    fix="set automountServiceAccountToken: true in the pod's spec and in its ServiceAccount",
    says="the pod has no valid token for the Kubernetes API",
    running=True,
    family="admission",
)


def _http(match: Match) -> Candidate | None:
    """Another API that refuses: with what it said, and who it is."""
    code = match.group("code")
    host = asked(match)
    target = host.host.shown if host else "an API"
    said = {"401": "rejects the credentials", "403": "forbids the call", "407": "needs a login at the proxy"}[code]
    cause = f"{match.who}: {target} {said} (HTTP {code})"
    fix = undo(match) or words(
        f"put valid credentials for {target} where the program reads them, then restart the pods"
    )
    return Candidate(HTTP.rule, match.workload.key, cause, fix, blames=blame(match.world, host))


HTTP = log_class(
    "HTTP_REFUSED",
    r"(?:HTTP Error|status(?: code)?|HTTP/[\d.]+|returned error:?|HTTPStatusError|responded with|Client error '?|code[=: ]+)\W{0,3}(?P<code>401|403|407)\b",
    r"\b(?P<code>401|403|407) (?:Client Error|Unauthorized|Forbidden|Proxy Authentication)",
    title="an API rejects the credentials",
    why="A key or a password is missing, wrong, expired or revoked.",
    fix="put valid credentials where the program reads them, then restart the pods",
    makes=_http,
    family="exit",
)

log_class(
    "CREDENTIALS_MISSING",
    r"(?i)(?P<what>unable to locate credentials|no ?credentials ?error|could not find default credentials"
    r"|could not load credentials from any providers|DefaultAzureCredential failed|no valid credential sources"
    r"|(?:api[_ ]key|api[_ ]token|access token|credentials?) (?:is |are |was |were )?(?:missing|not (?:set|found|provided|configured))"
    r"|(?:missing|no) (?:api[_ ]key|credentials|access token)(?: provided)?|did not provide an API key)",
    title="the program has no credentials",
    why="The program needs a key or credentials, and has none.",
    fix="give the container the credentials from a Secret, as the program's documentation names them",
    says=lambda match: match.line,
    family="configuration",
)

log_class(
    "TOKEN_EXPIRED",
    r"(?i)(?P<what>(?:token|credential|session|licen[cs]e|api key)\w* (?:has |is |have )?(?:been )?(?:expired|revoked)"
    r"|ExpiredToken\w*|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|invalid_grant|license (?:key )?(?:is )?invalid)",
    title="a token, key or licence is expired or invalid",
    why="The value in the Secret was valid once, or never.",
    fix="put a new one into the Secret, then restart the pods",
    says="{what}",
    running=True,
)

log_class(
    "RATE_LIMITED",
    r"(?i)\b429\b.{0,30}(?:too many|rate|limit|client error)|too many requests|rate limit(?:ed)?(?: exceeded| reached|ing)"
    r"|throttl(?:ed|ing)Exception|quota exceeded for",
    title="an API limits the rate of requests",
    why="More requests are sent than the API or its plan allows.",
    fix="send fewer requests (fewer replicas, a back-off), or ask for a higher limit",
    says="an API limits the rate of requests (HTTP 429)",
    running=True,
    grace=20.0,
)

log_class(
    "CLOCK",
    r"(?i)certificate (?:has expired or )?is not yet valid|not yet valid|RequestTimeTooSkewed|clock skew|issued in the future"
    r"|used before issued|token (?:is )?not (?:yet )?valid (?:yet|before)|ImmatureSignature|clock is (?:ahead|behind)",
    title="two clocks disagree",
    why="A certificate or a token is from the future for the machine that checks it.",
    fix="set the node's clock (timedatectl, chrony); on a laptop restart the cluster's machine after sleep",
    makes=lambda match: Candidate(
        RULES["CLOCK"],
        match.workload.key,
        f"{match.who}: two clocks disagree ({match.line[:60]})",
        words("set the node's clock (timedatectl set-ntp true); restart the cluster's machine after a laptop's sleep"),
    ),
    running=True,
    family="cluster",
)
