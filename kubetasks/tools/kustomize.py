"""What `kubectl kustomize` complains of, in one line."""

import re
from typing import Final

# Some builds of kubectl log their last error: E1121 01:50:06.2 3558 run.go:72] "command failed" err="…"
LOGGED: Final = re.compile(r'^E\d{4} .*? err="(?P<text>.*)"$')
FOLDER: Final = re.compile(r"recursed accumulation of path '([^']+)'")
MISSING: Final = re.compile(r"(?:lstat|open|stat) ([^\s:']+): no such file or directory")
MALFORMED: Final = re.compile(r"MalformedYAMLError: (.+?) in File: (\S+?)[\"']*$")


def reason(stderr: str, root: str = "") -> str:
    """The file at fault and what is wrong with it; kustomize itself tells the way to it over and over.

    Args:
        stderr: all that it printed on standard error.
        root: removed from the front of every path.
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if not lines:
        return "kustomize printed nothing"
    logged = LOGGED.match(lines[-1])
    text = _unquote(logged["text"]) if logged else lines[-1].removeprefix("error:").strip()
    text = _unquote(text)
    if root:
        text = text.replace(root.rstrip("/") + "/", "")
    folders: list[str] = FOLDER.findall(text)
    where = folders[-1] if folders else ""
    missing: list[str] = MISSING.findall(text)
    if missing:
        return f"{missing[-1]}: no such file or directory"
    malformed = MALFORMED.search(text)
    if malformed:
        file = f"{where}/{malformed[2]}" if where else malformed[2]
        return f"{file}: {malformed[1]}"
    if where:
        what = text.rpartition(f"'{where}': ")[2].strip('"')
        return f"{where}: {what}"
    return text


def _unquote(text: str) -> str:
    """Take one level of backslashes away: kustomize quotes its own messages, and so does a log line."""
    return re.sub(r"\\(.)", r"\1", text)
