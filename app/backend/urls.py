"""Database URLs: the forms that are accepted, and how they are shown.

Nothing but the standard library is imported: ``migrate --wait`` is to be light.
"""

from urllib.parse import unquote

POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


class UrlError(ValueError):
    """A database URL of a form that is not accepted; the message never holds the URL itself."""


def sqlite_path(url: str) -> str | None:
    """Return the file of a SQLite URL, None for a Postgres one.

    ``sqlite:///data/todo.db`` and ``sqlite:////data/todo.db`` both mean ``/data/todo.db``: what a relative path means
    depends on where a process happens to be started, so only an explicit ``sqlite:///./todo.db`` is one.

    Raises:
        UrlError: For any other scheme, or no file.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise UrlError("it is not a URL; expected postgresql://user:password@host:5432/name or sqlite:////path/to/file")
    if scheme in POSTGRES_SCHEMES:
        return None
    if scheme != "sqlite":
        raise UrlError(f"its scheme is {scheme!r}; expected one of {', '.join(POSTGRES_SCHEMES)}, sqlite")
    path = unquote(rest.partition("?")[0])
    name = path.lstrip("/")
    if not path.startswith("/") or not name:
        raise UrlError("it names no file; expected sqlite:////path/to/file")
    return name if name.startswith("./") else f"/{name}"


def libpq_url(url: str) -> str:
    """Return a Postgres URL in the form libpq takes; anything but the scheme is left unchanged."""
    return "postgresql://" + url.partition("://")[2]


def sqlalchemy_url(url: str) -> str:
    """Return a URL for SQLAlchemy, with the driver that is installed.

    Raises:
        UrlError: As `sqlite_path`.
    """
    path = sqlite_path(url)
    return f"sqlite:///{path}" if path else "postgresql+psycopg://" + url.partition("://")[2]


def through_pooler(url: str, *, direct: str = "") -> bool:
    """Guess whether a URL leads to a pooler that gives each transaction another connection.

    It does where its host is named like Neon's (``ep-…-pooler.…``), or where there is another one past it.
    """
    if sqlite_path(url):
        return False
    name = _host(url).partition(":")[0].partition(".")[0]
    return name.endswith("-pooler") or bool(direct and _host(direct) != _host(url))


def _host(url: str) -> str:
    """Return host and port of a URL."""
    return url.partition("://")[2].partition("?")[0].rpartition("@")[2].partition("/")[0].lower()


def shown(url: str) -> str:
    """Return a URL without its password and without its parameters, which may hold one too."""
    try:
        path = sqlite_path(url)
    except UrlError:
        return "***"
    if path:
        return f"sqlite:///{path}"
    login, at, place = url.partition("://")[2].partition("?")[0].rpartition("@")
    return f"postgresql://{login.partition(':')[0]}{at}{place}"


def without_password(text: str, url: str) -> str:
    """Return a text in which the URL's password, as written and decoded, is ``***``; its first line only."""
    text = next((line for line in text.strip().splitlines() if line.strip()), "").strip()
    login = url.partition("://")[2].partition("?")[0].rpartition("@")[0]
    password = login.partition(":")[2]
    for secret in (url, password, unquote(password)):
        if secret:
            text = text.replace(secret, "***")
    return text
