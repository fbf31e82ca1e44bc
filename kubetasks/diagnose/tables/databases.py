"""Log classes: databases, caches and migrations."""

import re
from typing import Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import change, words
from kubetasks.diagnose.login import align, clients_of
from kubetasks.diagnose.logs import Match, log_class, undo
from kubetasks.diagnose.rule import RULES, Candidate
from kubetasks.diagnose.tables.variables import set_variable
from kubetasks.diagnose.talk import asked, blame

NAMED: Final = r"[\"'`]?(?P<name>[\w.@%-]+)[\"'`]?"


def database(match: Match, id_of: str, cause: str, fix: str, wanted: str = "") -> Candidate:
    """Trouble between a client and its database. The server's log tells of its clients, which are to blame.

    Args:
        match: the line.
        id_of: the rule's ID.
        cause: the cause, without the workload's name.
        fix: the fix in words.
        wanted: ``password``, ``user`` or ``database``: what the client has wrong.
    """
    world, rule = match.world, RULES[id_of]
    host = asked(match)
    if host is None and wanted:
        clients = clients_of(world, match.workload)
        return Candidate(
            rule, match.workload.key, f"{match.who}: {cause}", words(fix), blames=tuple(clients), depth=rule.depth - 6
        )
    at = f" at {host.host.shown}" if host else ""
    aligned = align(world, match.workload, match.container, host, wanted) if wanted and host else None
    if aligned is None and wanted == "password" and host:
        # Servers do not tell an unknown user from a wrong password.
        aligned = align(world, match.workload, match.container, host, "user")
    blames = () if wanted else blame(world, host)
    return Candidate(
        rule, match.workload.key, f"{match.who}: {cause}{at}", undo(match) or aligned or words(fix), blames=blames
    )


def _of_secret(match: Match, part: re.Pattern[str]) -> str:
    """Where a value comes from: the variable whose name fits, and its Secret."""
    for name, entry in match.container.env.items():
        ref = (entry.get("valueFrom") or {}).get("secretKeyRef") or {}
        if ref and part.search(name):
            return f" (variable {name} from Secret {ref.get('name')}, key {ref.get('key')})"
    return ""


LOGIN: Final = re.compile(r"PASS|PWD|URL|DSN|URI", re.IGNORECASE)

log_class(
    "DB_PASSWORD",
    rf"password authentication failed for user {NAMED}",
    rf"Access denied for user {NAMED}@\S+",
    r"(?:WRONGPASS|NOAUTH|ERR invalid password|invalid username-password pair)(?P<name>)",
    r"(?i)(?:mongo\w*.*(?:authentication failed|auth failed)|SASL authentication failed|Authentication failed\.)(?P<name>)",
    rf"Login failed for user {NAMED}|ORA-01017",
    title="the database rejects the password",
    why="User or password differ from what the database was set up with. A database keeps the password of its first "
    "start in its volume: a later change of the Secret does not change it there.",
    fix="put the password that the database has into the Secret, or change it in the database, then restart the pods",
    makes=lambda match: database(
        match,
        "DB_PASSWORD",
        f"the database rejects the password{' of user ' + match.group('name') if match.group('name') else ''}",
        f"put the database's own password into the Secret{_of_secret(match, LOGIN)}, then restart the pods",
        "password",
    ),
    running=True,
    family="database",
)

log_class(
    "DB_UNKNOWN_DATABASE",
    rf"(?:database|FATAL:\s+database) {NAMED} does not exist",
    rf"Unknown database {NAMED}",
    rf"Cannot open database {NAMED}",
    title="the database server has no such database",
    why="The name of the database is misspelt, or nothing created it.",
    fix="correct the database's name in the connection, or create it",
    makes=lambda match: database(
        match,
        "DB_UNKNOWN_DATABASE",
        f"database {match.group('name')} does not exist",
        f"correct the name {match.group('name')} in the connection settings, or create that database",
        "database",
    ),
    running=True,
    family="database",
)

log_class(
    "DB_UNKNOWN_ROLE",
    rf"role {NAMED} does not exist",
    rf"Unknown user {NAMED}|user {NAMED.replace('name', 'other')} is not registered",
    title="the database has no such user",
    why="The user's name is misspelt, or nothing created it.",
    fix="correct the user in the connection, or create it",
    makes=lambda match: database(
        match,
        "DB_UNKNOWN_ROLE",
        f"the database has no user {match.group('name')}",
        f"correct the user {match.group('name')} in the connection settings, or create it",
        "user",
    ),
    running=True,
    family="database",
)

log_class(
    "DB_SLEEPING",
    r"(?i)endpoint (?:is disabled|has been disabled)|compute (?:is )?suspended|couldn't connect to compute node"
    r"|Control plane request failed|the project is paused|database is paused|Endpoint ID is not specified",
    title="the hosted database sleeps or is disabled",
    why="Serverless databases suspend when they are idle. Waking up takes seconds; a disabled one stays asleep.",
    fix="wake it up in its console, or wait some seconds; allow the client a longer connection time limit",
    says="the hosted database sleeps or is disabled",
    running=True,
    grace=30.0,
    family="database",
)

log_class(
    "DB_STARTING",
    r"the database system is (?:starting up|shutting down|in recovery mode|not yet accepting connections)"
    r"|LOADING Redis is loading the dataset",
    title="the database is still starting",
    why="The database answers, but does not take connections yet.",
    fix="wait for it; if it does not end, see the database's own log",
    makes=lambda match: database(match, "DB_STARTING", "the database is still starting", "wait for the database"),
    running=True,
    grace=60.0,
    family="database",
)

log_class(
    "DB_SCHEMA",
    rf"relation {NAMED} does not exist|no such table: {NAMED.replace('name', 'table')}"
    rf"|Table [\"'`](?P<third>[\w.]+)[\"'`] doesn't exist|column \"?(?P<column>[\w.]+)\"? does not exist",
    r"Target database is not up to date|pending migrations?|migrations? (?:are|is) (?:pending|not applied)"
    r"|You have \d+ unapplied migration",
    title="the database's schema is older than the program",
    why="A migration has not run, or ran against another database.",
    fix="run the migrations, then restart the pods",
    makes=lambda match: database(
        match,
        "DB_SCHEMA",
        "the database lacks "
        + (
            match.group("name")
            or match.group("table")
            or match.group("third")
            or match.group("column")
            or "a migration"
        ),
        "run the migrations against this database, then restart the pods",
    ),
    running=True,
    family="database",
)

log_class(
    "MIGRATION_FAILED",
    r"Can't locate revision identified by '(?P<what>[^']+)'",
    r"(?P<what>Multiple head revisions are present|Dirty database version \d+|Found differently-cased|checksum mismatch for migration"
    r"|Validate failed: Migration|error: Migration .+ failed|P3009|InconsistentMigrationHistory)",
    title="a migration does not fit the database",
    why="The database has seen migrations that this version does not have, or one ended half-way.",
    fix="deploy the version that has them, or repair the migration's state by hand",
    says="the migrations do not fit the database: {what}",
    family="database",
)

log_class(
    "DB_ACCESS_RULES",
    r"no pg_hba\.conf entry for host \"?(?P<what>[^\"\s]+)|Host '(?P<other>[^']+)' is not allowed to connect",
    title="the database does not let this client in",
    why="The database's own rules allow other addresses, users or TLS only.",
    fix="allow the client in the database's rules (pg_hba.conf, GRANT), or connect with TLS: sslmode=require",
    says="the database's own rules reject this client",
    running=True,
    family="database",
)

log_class(
    "DB_TLS",
    r"server does not support SSL|SSL is not enabled on the server|The server does not support SSL connections",
    title="the database has no TLS, the client insists on it",
    why="The connection asks for sslmode=require, and the server has no certificate.",
    fix="set sslmode=disable (or prefer) in the connection, or give the database a certificate",
    says="the client insists on TLS, the database does not have it",
    running=True,
    family="database",
)


def _uninitialised(match: Match) -> Fix:
    return set_variable(match, match.group("name") or "POSTGRES_PASSWORD")


log_class(
    "DB_PASSWORD_UNSET",
    r"You must specify (?P<name>POSTGRES_PASSWORD) to a non-empty value|superuser password is not specified",
    r"need to specify one of the following.*|- (?P<name>MYSQL_ROOT_PASSWORD)\b|(?:database is uninitialized and password option)",
    r"(?P<name>MARIADB_ROOT_PASSWORD), MARIADB",
    title="the database's image requires a password",
    why="The image of a database refuses to start without a password for its first user.",
    fix="set POSTGRES_PASSWORD (MYSQL_ROOT_PASSWORD) from a Secret",
    says="the database's image requires a password: {name} is not set",
    remedy=_uninitialised,
    family="database",
)


def _lost_found(match: Match) -> Fix:
    place = match.workload.where(match.container.name)
    env = match.container.env
    if place is None or "PGDATA" in env:
        return words("set PGDATA to a folder below the volume")
    mounts = match.container.spec.get("volumeMounts") or ()
    path = next((str(each["mountPath"]) for each in mounts if "postgres" in str(each.get("mountPath"))), "")
    at, entry = (
        f"{place[0]}/{place[1]}/env",
        {"name": "PGDATA", "value": f"{path or '/var/lib/postgresql/data'}/pgdata"},
    )
    step = ("add", f"{at}/-", entry) if env else ("add", at, [entry])
    return change(match.world, match.workload, "keep the data in a folder below the volume", [step])


log_class(
    "DB_FOLDER_NOT_EMPTY",
    r"initdb: error: directory \"(?P<what>[^\"]+)\" exists but is not empty|It contains a lost\+found directory",
    title="the database's folder is a volume's root",
    why="A new volume holds lost+found, and initdb requires an empty folder.",
    fix="set PGDATA to a folder below the volume",
    says="the data folder is not empty: a volume's root holds lost+found",
    remedy=_lost_found,
    family="database",
)

log_class(
    "DB_FILES",
    r"(?P<what>database files are incompatible with server.*|The data directory was initialized by .+"
    r"|data directory \".+\" has (?:wrong ownership|invalid permissions).*|could not open directory \"pg_\w+\".*"
    r"|lock file \"postmaster\.pid\" already exists.*|file is not a database|database disk image is malformed)",
    title="the database cannot use the files in its volume",
    why="They are of another version, belong to another user, or another server uses them.",
    fix="use the image of the version that wrote them, or migrate them; give the volume to the user that runs",
    says="{what}",
    family="database",
)

log_class(
    "DB_LOCKED",
    r"(?P<what>database is locked|could not obtain lock on .+|deadlock detected|Lock wait timeout exceeded|Unable to lock database.*"
    r"|canceling statement due to lock timeout)",
    title="the database is locked",
    why="Another process holds the lock: two pods that share a file, or a transaction that does not end.",
    fix="run one replica on that file, or end the transaction that holds the lock",
    says="{what}",
    running=True,
    grace=30.0,
    family="database",
)
