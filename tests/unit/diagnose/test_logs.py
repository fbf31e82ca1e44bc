"""Last words: every class of log lines, on lines that programs really print."""

from typing import Any

import pytest

from kubetasks.diagnose import Finding
from kubetasks.diagnose.logs import CLASSES
from kubetasks.diagnose.rule import RULES
from kubetasks.diagnose.rules.exits import CODES
from tests.unit.diagnose.worlds import container, deployment, ended, found, item, log, one, pod, service

# The class, the lines as the program prints them, and what the cause names.
LINES = [
    ("ENV_MISSING", "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    os.environ['API_TOKEN']\nKeyError: 'API_TOKEN'", "API_TOKEN"),
    ("ENV_MISSING", "Environment variable DEPLOY_ENV is undefined", "DEPLOY_ENV"),
    ("ENV_MISSING", "sh: 1: DATABASE_URL: parameter not set", "DATABASE_URL"),
    ("ENV_MISSING", "entrypoint.sh: line 4: SECRET_KEY: unbound variable", "SECRET_KEY"),
    ("ENV_MISSING", "Error: Missing required environment variable: STRIPE_KEY", "STRIPE_KEY"),
    ("ENV_MISSING", "required key DB_HOST missing value", "DB_HOST"),
    ("ENV_MISSING", "2026/05/04 12:00:00 DB_DSN must be set", "DB_DSN"),
    ("ENV_MISSING", "django.core.exceptions.ImproperlyConfigured: Set the DATABASE_URL environment variable", "DATABASE_URL"),
    ("ENV_MISSING", "Could not resolve placeholder 'db.url' in value \"${db.url}\"", "db.url"),
    ("ENV_MISSING", "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nredis_url\n  Field required [type=missing, input_value={}, input_type=dict]", "REDIS_URL"),
    ("ENV_MISSING", "Error: Database is uninitialized and superuser password is not specified.\n       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.", "POSTGRES_PASSWORD"),
    ("SETTING_MISSING", "port\n  Input should be a valid integer [type=int_parsing, input_value='abc']", "port"),
    ("CONFIG_FILE_INVALID", "nginx: [emerg] unknown directive \"lisen\" in /etc/nginx/conf.d/default.conf:2", "lisen"),
    ("CONFIG_FILE_INVALID", "yaml.scanner.ScannerError: mapping values are not allowed here", "mapping values"),
    ("CONFIG_FILE_INVALID", "json.decoder.JSONDecodeError: Expecting ',' delimiter: line 3 column 1 (char 20)", "delimiter"),
    ("CONFIG_FILE_INVALID", "level=fatal msg=\"failed to parse config file /etc/app/config.toml\"", "config.toml"),
    ("BAD_ARGUMENT", "server.py: error: unrecognized arguments: --prot 80", "--prot"),
    ("BAD_ARGUMENT", "flag provided but not defined: -confg", "-confg"),
    ("BAD_ARGUMENT", "Error: unknown flag: --lisen", "--lisen"),
    ("DB_PASSWORD", "psql: error: connection to server at \"db\" (10.1.2.3), port 5432 failed: FATAL:  password authentication failed for user \"app\"", "app"),
    ("DB_PASSWORD", "pymysql.err.OperationalError: (1045, \"Access denied for user 'root'@'10.1.2.3' (using password: YES)\")", "root"),
    ("DB_PASSWORD", "redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair or user is disabled.", "rejects the password"),
    ("DB_UNKNOWN_DATABASE", "FATAL:  database \"shpo\" does not exist", "shpo"),
    ("DB_UNKNOWN_DATABASE", "ERROR 1049 (42000): Unknown database 'shpo'", "shpo"),
    ("DB_UNKNOWN_ROLE", "FATAL:  role \"ap\" does not exist", "ap"),
    ("DB_SLEEPING", "ERROR:  The endpoint has been disabled. Enable it using Neon API and retry.", "sleeps or is disabled"),
    ("DB_STARTING", "FATAL:  the database system is starting up", "still starting"),
    ("DB_SCHEMA", "psycopg.errors.UndefinedTable: relation \"tasks\" does not exist", "tasks"),
    ("DB_SCHEMA", "sqlite3.OperationalError: no such table: users", "users"),
    ("MIGRATION_FAILED", "alembic.util.exc.CommandError: Can't locate revision identified by 'ab12'", "ab12"),
    ("DB_ACCESS_RULES", "FATAL:  no pg_hba.conf entry for host \"10.1.2.3\", user \"app\", database \"shop\", no encryption", "reject this client"),
    ("DB_TLS", "psql: error: server does not support SSL, but SSL was required", "TLS"),
    ("DB_FOLDER_NOT_EMPTY", "initdb: error: directory \"/var/lib/postgresql/data\" exists but is not empty", "lost+found"),
    ("DB_FILES", "FATAL:  database files are incompatible with server", "incompatible"),
    ("DB_LOCKED", "sqlite3.OperationalError: database is locked", "locked"),
    ("DB_TOO_MANY_CONNECTIONS", "FATAL:  sorry, too many clients already", "no database connection is left"),
    ("DB_TOO_MANY_CONNECTIONS", "QueuePool limit of size 5 overflow 10 reached, connection timed out", "no database connection is left"),
    ("API_FORBIDDEN", "Error from server (Forbidden): pods is forbidden: User \"system:serviceaccount:space:default\" cannot list resource \"pods\" in API group \"\" in the namespace \"space\"", "list pods"),
    ("API_FORBIDDEN", "HTTP response body: {\"kind\":\"Status\",\"message\":\"deployments.apps is forbidden: User \\\"system:serviceaccount:space:default\\\" cannot get resource \\\"deployments\\\" in API group \\\"apps\\\" in the namespace \\\"space\\\"\"}", "get deployments.apps"),
    ("API_UNAUTHORIZED", "kubernetes.config.config_exception.ConfigException: Service host/port is not set.", "no valid token"),
    ("HTTP_REFUSED", "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://api.example.com/v1/charge", "api.example.com"),
    ("HTTP_REFUSED", "curl: (22) The requested URL returned error: 403", "403"),
    ("CREDENTIALS_MISSING", "botocore.exceptions.NoCredentialsError: Unable to locate credentials", "credentials"),
    ("TOKEN_EXPIRED", "jwt.exceptions.ExpiredSignatureError: Signature has expired; the session token has expired", "expired"),
    ("RATE_LIMITED", "openai.RateLimitError: Error code: 429 - Too Many Requests", "429"),
    ("CLOCK", "x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before 2024-01-01T00:00:00Z", "clocks disagree"),
    ("COMMAND_NOT_IN_IMAGE", "sh: 1: gunicon: not found", "gunicorn"),
    ("COMMAND_NOT_IN_IMAGE", "/entrypoint.sh: line 3: nodee: command not found", "nodee"),
    ("LINE_ENDINGS", "/usr/bin/env: 'bash\\r': No such file or directory", "Windows line ends"),
    ("BAD_INTERPRETER", "exec /entrypoint.sh: no such file or directory", "interpreter"),
    ("WRONG_ARCHITECTURE", "exec /usr/local/bin/app: exec format error", "another architecture"),
    ("SCRIPT_MISSING", "python: can't open file '/app/mian.py': [Errno 2] No such file or directory", "/app/mian.py"),
    ("SCRIPT_MISSING", "Error: Unable to access jarfile /app/app.jar", "/app/app.jar"),
    ("PORT_IN_USE", "OSError: [Errno 98] Address already in use: ('0.0.0.0', 8080)", "8080"),
    ("PORT_IN_USE", "Error: listen EADDRINUSE: address already in use :::3000", "3000"),
    ("PORT_IN_USE", "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", "80"),
    ("PORT_PRIVILEGED", "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)", "below 1024"),
    ("PORT_BIND", "Error: Failed to bind to port 80", "80"),
    ("READ_ONLY", "OSError: [Errno 30] Read-only file system: '/data/app.db'", "/data/app.db"),
    ("READ_ONLY", "touch: cannot touch '/tmp/lock': Read-only file system", "/tmp/lock"),
    ("DISK_FULL", "OSError: [Errno 28] No space left on device", "no space"),
    ("DISK_FULL", "could not resize shared memory segment \"/dev/shm/x\" to 16777216 bytes: No space left on device", "/dev/shm"),
    ("PERMISSION_DENIED", "PermissionError: [Errno 13] Permission denied: '/var/lib/app'", "/var/lib/app"),
    ("PERMISSION_DENIED", "mkdir: cannot create directory '/data/x': Permission denied", "/data/x"),
    ("PERMISSION_DENIED", "open /etc/ssl/private/key.pem: permission denied", "/etc/ssl/private/key.pem"),
    ("FILE_MISSING", "FileNotFoundError: [Errno 2] No such file or directory: '/etc/app/config.yaml'", "/etc/app/config.yaml"),
    ("FILE_MISSING", "cat: /config/app.properties: No such file or directory", "/config/app.properties"),
    ("FILE_MISSING", "Error: ENOENT: no such file or directory, open '/app/settings.json'", "/app/settings.json"),
    ("MODULE_MISSING", "ModuleNotFoundError: No module named 'flask'", "flask"),
    ("MODULE_MISSING", "Error: Cannot find module 'express'", "express"),
    ("MODULE_MISSING", "Error: Could not find or load main class com.example.Main", "com.example.Main"),
    ("MODULE_MISSING", "ERROR:    Error loading ASGI app. Could not import module \"mian\".", "mian"),
    ("MODULE_MISSING", "/usr/bin/python3: No module named gunicorn", "gunicorn"),
    ("IMPORT_FAILS", "ImportError: libpq.so.5: cannot open shared object file: No such file or directory", "libpq.so.5"),
    ("IMPORT_FAILS", "ImportError: cannot import name 'Markup' from 'jinja2'", "Markup"),
    ("SYNTAX_ERROR", "  File \"/app/main.py\", line 7\n    def x(:\nSyntaxError: invalid syntax", "main.py:7"),
    ("NPM_SCRIPT_MISSING", "npm error Missing script: \"strat\"", "strat"),
    ("HEAP_FULL", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "heap"),
    ("HEAP_FULL", "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space", "Java heap space"),
    ("ALLOWED_HOSTS", "Invalid HTTP_HOST header: '10.1.2.3:8000'. You may need to add '10.1.2.3' to ALLOWED_HOSTS.", "10.1.2.3:8000"),
    ("PROGRAM_PANICS", "panic: runtime error: invalid memory address or nil pointer dereference", "nil pointer"),
    ("PROGRAM_PANICS", "thread 'main' panicked at src/main.rs:4:5:", "main.rs:4"),
    ("NAME_NOT_RESOLVED", "curl: (6) Could not resolve host: no-such.example.com", "no-such.example.com"),
    ("NAME_NOT_RESOLVED", "dial tcp: lookup api.example.com on 10.96.0.10:53: no such host", "api.example.com"),
    ("NAME_NOT_RESOLVED", "Error: getaddrinfo ENOTFOUND api.example.com", "api.example.com"),
    ("NAME_NOT_RESOLVED", "wget: bad address 'api.example.com'", "api.example.com"),
    ("SERVICE_MISSING", "psycopg.OperationalError: could not translate host name \"dbb\" to address: Name or service not known", "dbb"),
    ("SERVICE_MISSING", "redis.exceptions.ConnectionError: Error -2 connecting to cache:6379. Name or service not known.", "cache"),
    ("SERVICE_MISSING", "java.net.UnknownHostException: prod-db: Name or service not known", "prod-db"),
    ("CONNECTION_REFUSED", "dial tcp 93.184.216.34:443: connect: connection refused", "93.184.216.34:443"),
    ("CONNECTION_REFUSED", "requests.exceptions.ConnectionError: HTTPConnectionPool(host='api.example.com', port=80): Max retries exceeded: [Errno 111] Connection refused", "api.example.com:80"),
    ("CONNECTION_REFUSED", "curl: (7) Failed to connect to api.example.com port 443 after 3 ms: Connection refused", "api.example.com:443"),
    ("CONNECTION_TIMEOUT", "dial tcp 93.184.216.34:443: i/o timeout", "93.184.216.34:443"),
    ("CONNECTION_TIMEOUT", "curl: (28) Failed to connect to api.example.com port 443 after 5000 ms: Timeout was reached", "api.example.com"),
    ("CONNECTION_RESET", "ConnectionResetError: [Errno 104] Connection reset by peer", "closes the connection"),
    ("TLS", "requests.exceptions.SSLError: certificate verify failed: self-signed certificate", "not trusted"),
    ("TLS", "tls: failed to verify certificate: x509: certificate has expired: current time is after", "expired"),
    ("TLS", "ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1007)", "speaks TLS"),
    ("TLS", "Hostname mismatch, certificate is not valid for 'db.internal'.", "another name"),
    ("TOO_MANY_FILES", "OSError: [Errno 24] Too many open files: '/data/x'", "too many open files"),
    ("TOO_MANY_PROCESSES", "RuntimeError: can't start new thread", "threads"),
    ("ILLEGAL_INSTRUCTION", "Illegal instruction (core dumped)", "processor"),
    ("SEGMENTATION_FAULT", "Segmentation fault", "segmentation fault"),
    ("APPLICATION_REFUSES", "Description:\n\nFailed to configure a DataSource: 'url' attribute is not specified", "DataSource"),
    ("EXCEPTION", "Traceback (most recent call last):\n  File \"/app/main.py\", line 12, in start\n    raise RuntimeError('no')\nRuntimeError: the schema has no version", "the schema has no version (main.py:12)"),
    ("EXCEPTION", "Exception in thread \"main\" java.lang.IllegalStateException: no licence\n\tat com.example.Main.main(Main.java:5)", "IllegalStateException"),
    ("EXCEPTION", "Uncaught TypeError: Cannot read properties of undefined (reading 'port')", "Cannot read properties"),
]  # fmt: skip


def crashed(text: str, **spec: Any) -> list[Finding]:
    pods = [pod(statuses=[ended()], containers=[container(**spec)])]
    return found(deployment(pods=pods), logs=[log(text)])


@pytest.mark.parametrize(
    ("expected", "text", "named"), LINES, ids=[f"{each[0]}-{index}" for index, each in enumerate(LINES)]
)
def test_a_line_is_recognised(expected: str, text: str, named: str) -> None:
    [finding] = crashed(text)
    assert (finding.id, finding.confidence in {"certain", "likely"}) == (expected, True), finding.line
    assert named in finding.cause
    assert len(finding.cause) <= 120
    assert finding.fix.text


def test_every_class_has_an_example() -> None:
    tried = {each[0] for each in LINES}
    assert {each.rule.id for each in CLASSES} - tried - {"DB_PASSWORD_UNSET"} == set()
    assert len({each.rule.id for each in CLASSES}) >= 40


# What programs print that are well, or that only look like one of the classes.
HARMLESS = [
    "listening on 0.0.0.0:8080",
    "INFO connected to db:5432",
    "GET /healthz 200",
    "warming up the cache",
    "TLS is required by the upstream and is enabled",
    "HTTP 404 not found for /favicon.ico",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_lines_are_no_class(text: str) -> None:
    [finding] = crashed(text)
    assert finding.id == "CRASH_LOOP"
    assert finding.confidence == "unknown"
    assert text in finding.cause


@pytest.mark.parametrize("code", CODES)
def test_an_exit_code_without_a_word(code: int) -> None:
    pods = [pod(statuses=[ended(code)], containers=[container(command=["run"])])]
    finding = one(deployment(pods=pods))
    shown = {132: "ILLEGAL_INSTRUCTION", 139: "SEGMENTATION_FAULT"}
    assert finding.id == shown.get(code, "CRASH_SILENT")
    assert code in shown or f"exit code {code} ({CODES[code]})" in finding.cause


def test_a_signal_counts_where_the_log_says_something_else() -> None:
    finding = one(deployment(pods=[pod(statuses=[ended(139)])]), logs=[log("loading the model")])
    assert finding.id == "SEGMENTATION_FAULT"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("error: the following arguments are required: --input", "needs the argument --input"),
        ("Error: Missing option '--input'.", "needs the argument --input"),
        ("error: unrecognized arguments: --prot", "does not take the argument --prot"),
    ],
)
def test_an_argument_that_is_missing_is_not_one_that_is_unknown(text: str, expected: str) -> None:
    [finding] = crashed(text)
    assert (finding.id, expected in finding.cause) == ("BAD_ARGUMENT", True), finding.cause


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ValueError: invalid literal for int() with base 10: '80a80'", "'80a80'"),
        ('KeyError: "a" or "b"', '"a" or "b"'),
    ],
)
def test_a_quotation_mark_stays_with_its_pair(text: str, expected: str) -> None:
    [finding] = crashed(text)
    assert finding.cause.endswith(expected)


@pytest.mark.parametrize(
    ("code", "expected"), [(6, "NAME_NOT_RESOLVED"), (7, "CONNECTION_REFUSED"), (28, "CONNECTION_TIMEOUT"), (60, "TLS")]
)
def test_a_silent_curl_tells_by_its_exit_code(code: int, expected: str) -> None:
    pods = [pod(statuses=[ended(code)], containers=[container(command=["curl", "-s", "https://api.example.com/x"])])]
    finding = one(deployment(pods=pods))
    assert finding.id == expected
    assert "api.example.com" in finding.cause


def test_the_most_telling_class_wins() -> None:
    text = "\n".join(
        ["Connection attempt 1 failed: java.net.ConnectException: Connection refused", "Target host: prod-db, port: 3333",
         "Connection pool exhausted: max_size=256, active=256, idle=0", "FATAL: Unable to connect to required database"]
    )  # fmt: skip
    [finding] = crashed(text)
    assert finding.id == "SERVICE_MISSING"
    assert "prod-db" in finding.cause


def test_a_key_of_the_namespace_is_the_source_of_a_missing_variable() -> None:
    pods = [pod(statuses=[ended()])]
    config = item("ConfigMap", "shop", data={"CACHE_URL": "redis://cache"})
    finding = one(deployment(pods=pods), config, logs=[log("KeyError: 'CACHE_URL'")])
    assert '"configMapKeyRef":{"name":"shop","key":"CACHE_URL"}' in finding.fix.text


def test_a_secret_variable_is_never_typed_on_a_command_line() -> None:
    finding = one(deployment(pods=[pod(statuses=[ended()])]), logs=[log("KeyError: 'API_TOKEN'")])
    assert "create secret generic web-api-token --from-env-file=/dev/stdin" in finding.fix.text
    assert "API_TOKEN=" not in finding.fix.text


def test_a_pod_that_asks_a_service_that_exists_blames_it() -> None:
    pods = [pod(statuses=[ended()])]
    other = [pod("db-1-a", [container("db")], [ended(name="db")], {"app": "db"}, ("ReplicaSet", "db-1"))]
    findings = found(
        deployment(pods=pods), deployment("db", other), service("db", {"app": "db"}, 5432),
        logs=[log("connection to server at \"db\" (10.96.0.9), port 5432 failed: Connection refused"),
              log("FATAL:  database files are incompatible with server", "db-1-a", "db")],
    )  # fmt: skip
    assert [each.id for each in findings] == ["DB_FILES"]
    assert any("refuses the connection" in line for line in findings[0].symptoms)
    assert {"Deployment/db", "Deployment/web"} <= set(findings[0].affects)


def test_ids_are_stable() -> None:
    """They are documented and searched for: one may be added, none renamed."""
    assert set(RULES) >= {
        "ADMISSION_REFUSED", "CONFIG_KEY_MISSING", "CONTAINER_CREATE", "CONTAINER_FAILED", "CRASH_LOOP", "IMAGE_DAMAGED",
        "IMAGE_NAME_INVALID", "IMAGE_NOT_ON_NODE", "IMAGE_PULL", "JOB_FAILED", "JOB_TIMEOUT", "OUT_OF_MEMORY", "RUNS_AS_ROOT",
        "UNSCHEDULABLE",
    }  # fmt: skip
