"""What kubectl and helm print when there is no contact, by text; test_first_contact.py has the programs themselves."""

import pytest

from kubetasks.tools.trouble import Kind, classify, stripped

KLOG = 'E0102 03:04:05.678901   123 memcache.go:265] "Unhandled Error" err="couldn\'t get {}"'
GROUPS = 'E1128 00:06:13.101040   19580 memcache.go:381] "Couldn\'t get current server API group list" err="{}"'
AGGREGATED = KLOG.format(
    "resource list for metrics.k8s.io/v1beta1: the server is currently unable to handle the request"
)
GET = 'Get "https://127.0.0.1:6443/api?timeout=20s": '
HELM = "Error: UPGRADE FAILED: "

TEXTS = [
    # No connection: it may come back.
    ("The connection to the server 127.0.0.1:6443 was refused - did you specify the right host?", Kind.REFUSED, True),
    ("Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout", Kind.LOST, True),
    ("Unable to connect to the server: net/http: TLS handshake timeout", Kind.LOST, True),
    ("Unable to connect to the server: dial tcp: lookup api.example.org: no such host", Kind.NO_NAME, True),
    ("Unable to connect to the server: dial tcp: lookup a: Temporary failure in name resolution", Kind.NO_NAME, True),
    ("Unable to connect to the server: dial tcp 192.168.49.2:8443: connect: no route to host", Kind.NO_ROUTE, True),
    ("Unable to connect to the server: dial tcp 10.0.0.1:443: connect: network is unreachable", Kind.NO_ROUTE, True),
    ("Unable to connect to the server: EOF", Kind.LOST, True),
    ("Unable to connect to the server: unexpected EOF", Kind.LOST, True),
    ("Unable to connect to the server: http2: client connection lost", Kind.LOST, True),
    ("error: http2: server sent GOAWAY and closed the connection; LastStreamID=1", Kind.LOST, True),
    (f"error: {GET}request canceled (Client.Timeout exceeded while awaiting headers)", Kind.LOST, True),
    (f"error: {GET}context deadline exceeded", Kind.LOST, True),
    (f"error: {GET}read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer", Kind.LOST, True),
    (f"error: {GET}write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe", Kind.LOST, True),
    (f"{HELM}{GET}net/http: TLS handshake timeout", Kind.LOST, True),
    (f"{HELM}unable to build kubernetes objects: {GET}dial tcp 127.0.0.1:6443: connect: connection refused",
     Kind.REFUSED, True),
    ("Error: Kubernetes cluster unreachable: Get \"https://127.0.0.1:6443/version\": EOF", Kind.LOST, True),
    ("wsarecv: An existing connection was forcibly closed by the remote host.", Kind.LOST, True),
    # The API server is there, and cannot answer now.
    ("Error from server: etcdserver: request timed out", Kind.BUSY, True),
    ("Error from server: etcdserver: leader changed", Kind.BUSY, True),
    ("Error from server (ServiceUnavailable): the server is currently unable to handle the request", Kind.BUSY, True),
    ("Error from server (ServiceUnavailable): apiserver is shutting down", Kind.BUSY, True),
    (("Error from server (Timeout): the server was unable to return a response in the time allotted, but may still be "
     "processing the request"), Kind.BUSY, True),
    (("Error from server (TooManyRequests): the server has received too many requests and has asked us to try again "
     "later"), Kind.BUSY, True),
    ('Error from server (InternalError): an error on the server ("") has prevented the request from succeeding',
     Kind.BUSY, True),
    # What does not pass by itself.
    ("Unable to connect to the server: x509: certificate signed by unknown authority", Kind.UNTRUSTED, False),
    ("Unable to connect to the server: tls: failed to verify certificate: x509: “x” certificate is not trusted",
     Kind.UNTRUSTED, False),
    ("Unable to connect to the server: x509: certificate is valid for 10.0.0.1, 127.0.0.1, not 192.168.1.2",
     Kind.WRONG_NAME, False),
    ("Unable to connect to the server: x509: certificate relies on legacy Common Name field", Kind.WRONG_NAME, False),
    ("Unable to connect to the server: http: server gave HTTP response to HTTPS client", Kind.NO_TLS, False),
    ("Error from server (BadRequest): Client sent an HTTP request to an HTTPS server.", Kind.NO_TLS, False),
    ("Unable to connect to the server: remote error: tls: handshake failure", Kind.NO_TLS, False),
    ("Unable to connect to the server: remote error: tls: bad certificate", Kind.CLIENT_CERTIFICATE, False),
    ("error: You must be logged in to the server (Unauthorized)", Kind.UNAUTHORIZED, False),
    ("Error from server (Unauthorized): Unauthorized", Kind.UNAUTHORIZED, False),
    ('Error from server (Forbidden): pods is forbidden: User "system:anonymous" cannot list resource "pods"',
     Kind.UNAUTHORIZED, False),
    ('Error from server (Forbidden): pods is forbidden: User "me" cannot list resource "pods" in API group ""',
     Kind.FORBIDDEN, False),
    (('Error from server (Forbidden): error when creating "STDIN": services is forbidden: User "me" cannot create '
     'resource "services"'), Kind.FORBIDDEN, False),
    (f'{HELM}query: failed to query with labels: secrets is forbidden: User "me" cannot list resource "secrets"',
     Kind.FORBIDDEN, False),
    ('error: context "gone" does not exist', Kind.CONTEXT, False),
    ("error: error loading config file \"/x\": yaml: line 3", Kind.CONFIG, False),
    ("Unable to connect to the server: proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused",
     Kind.PROXY, True),
    ("Unable to connect to the server: Bad Gateway", Kind.PROXY, True),
    ("Unable to connect to the server: Proxy Authentication Required", Kind.PROXY, False),
    ("Error from server (Forbidden): <html><body>Access denied</body></html>", Kind.PROXY, False),
    ("Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 255",
     Kind.PLUGIN, False),
]  # fmt: skip

# The cluster answered; what it said is for the caller.
ANSWERS = [
    "",
    'Error from server (NotFound): deployments.apps "backend" not found',
    'Error from server (AlreadyExists): error when creating "STDIN": leases.coordination.k8s.io "x" already exists',
    'Error from server (Conflict): Operation cannot be fulfilled on leases "x": the object has been modified',
    'Error from server (Forbidden): error when creating "STDIN": pods "x" is forbidden: violates PodSecurity',
    'Error from server (Forbidden): error when creating "STDIN": pods "x" is forbidden: exceeded quota: compute',
    'Error from server (Invalid): ConfigMap "x" is invalid: data[URL]: Invalid value: "connection refused"',
    'The ConfigMap "x" is invalid: data: Invalid value: "no such host"',
    ('Error from server (InternalError): error when creating "STDIN": Internal error occurred: failed calling webhook '
    '"check.example.org": Post "https://hook.ns.svc:443/": dial tcp 10.96.0.7:443: connect: connection refused'),
    'Error from server: admission webhook "check.example.org" denied the request: x509: certificate signed by unknown',
    ('Error from server: Get "https://172.18.0.2:10250/containerLogs/todo/x/y": dial tcp 172.18.0.2:10250: connect: '
    "connection refused"),
    "Error from server: error dialing backend: dial tcp 172.18.0.2:10250: connect: connection refused",
    "error: timed out waiting for the condition on jobs/migrate",
    "Error: uninstallation completed with 1 error(s): timed out waiting for the condition",
    "Error: context deadline exceeded",
    f'{HELM}cannot patch "web" with kind Deployment: Deployment.apps "web" is invalid: spec.selector: immutable',
    f"{HELM}another operation (install/upgrade/rollback) is in progress",
    "error: unable to forward port because pod is not running. Current status=Pending",
    f'{AGGREGATED}\nError from server (NotFound): namespaces "todo" not found',
    "Warning: would violate PodSecurity: connection refused",
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "passing"), TEXTS)
def test_what_there_is_no_contact_for(text: str, kind: Kind, passing: bool) -> None:
    for whole in (text, f"{AGGREGATED}\n{text}", f"{KLOG.format('current server API group list')}\n{text}"):
        trouble = classify(whole)
        assert trouble is not None
        assert (trouble.kind, trouble.passing) == (kind, passing)
        assert trouble.why


@pytest.mark.parametrize("text", ANSWERS)
def test_what_the_cluster_answers(text: str) -> None:
    assert classify(text, "https://127.0.0.1:6443") is None


def test_what_only_the_log_says() -> None:
    proxy = GROUPS.format(r"Get \"https://10.0.0.1/api\": proxyconnect tcp: dial tcp 10.0.0.2:3128: connection refused")
    last = "The connection to the server 10.0.0.1:443 was refused - did you specify the right host or port?"
    found = classify(f"{proxy}\n{last}")
    assert found is not None
    assert (found.kind, found.why) == (Kind.PROXY, "proxyconnect tcp: dial tcp 10.0.0.2:3128: connection refused")
    refused = GROUPS.format(r"Get \"https://127.0.0.1:1/api\": remote error: tls: expired certificate")
    found = classify(f"{refused}\nUnable to connect to the server: write tcp 127.0.0.1:1: write: broken pipe")
    assert found is not None
    assert (found.kind, found.why) == (Kind.CLIENT_CERTIFICATE, "remote error: tls: expired certificate")
    found = classify(GROUPS.format(r"Get \"https://127.0.0.1:1/api\": EOF"))
    assert found is not None
    assert (found.kind, found.why) == (Kind.LOST, "EOF")


def test_a_redirect_is_told_from_the_server_itself() -> None:
    text = 'error: Get "https://login.example.org/x": dial tcp: lookup login.example.org: no such host'
    found = classify(text, "https://127.0.0.1:6443")
    assert found is not None
    assert (found.kind, found.why) == (Kind.PROXY, "it sent the request on to login.example.org")
    found = classify(text, "https://login.example.org")
    assert found is not None
    assert found.kind is Kind.NO_NAME


def test_plain_http_to_a_server_that_speaks_tls() -> None:
    text = 'Unable to find "apps/v1": the server rejected our request for an unknown reason (get deployments.apps)'
    found = classify(text, "http://127.0.0.1:6443")
    assert found is not None
    assert found.kind is Kind.NO_TLS
    assert classify(text, "https://127.0.0.1:6443") is None


def test_what_a_plugin_says_itself_is_part_of_the_reason() -> None:
    text = "Token has expired, log in again\nUnable to connect to the server: getting credentials: exec: exit code 1"
    found = classify(text)
    assert found is not None
    assert found.why == "exec: exit code 1; Token has expired, log in again"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"error: {GET}EOF", "EOF"),
        (f"Error: UPGRADE FAILED: Kubernetes cluster unreachable: {GET}EOF", "EOF"),
        ('error: error validating "STDIN": error validating data: failed to download openapi: EOF', "EOF"),
        ("plain", "plain"),
    ],
)
def test_preambles_are_left_out(line: str, why: str) -> None:
    assert stripped(line) == why
