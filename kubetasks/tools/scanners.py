"""hadolint, kube-score, kubeconform and checkov: command lines, and the remarks in what they print.

Each reads one document on standard input or files that are named, and prints JSON. A parser raises ``ValueError`` for
anything else.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

REFUSED: Final = "fix the named field; the cluster would reject the object"
Level = Literal["critical", "error", "warning"]
PROGRAMS: Final = ("hadolint", "kube-score", "kubeconform", "checkov")


@dataclass(frozen=True)
class Remark:
    """One remark of a scanner.

    Args:
        code: the scanner's own name for the rule; empty if it has none.
        level: how bad it is.
        where: the file and line, or the object.
        what: what is wrong, in one line.
        advice: what the scanner says to do about it; may be empty.
        link: the rule's page; may be empty.
    """

    code: str
    level: Level
    where: str
    what: str
    advice: str = ""
    link: str = ""


def hadolint(files: Sequence[str]) -> list[str]:
    """Hadolint on Dockerfiles; exits 1 when it has remarks."""
    return ["hadolint", "--format", "json", *files]


def parse_hadolint(text: str) -> list[Remark]:
    """The remarks in what ``hadolint`` printed."""
    return [
        Remark(
            code=row["code"],
            level="error" if row["level"] == "error" else "warning",
            where=f"{row['file']}:{row['line']}",
            what=str(row["message"]),
            link=f"https://github.com/hadolint/hadolint/wiki/{row['code']}",
        )
        for row in _rows(text)
    ]


def kube_score(version: str, *, without: Sequence[str] = ()) -> list[str]:
    """kube-score on objects from standard input; exits 1 when it has critical remarks.

    Args:
        version: of Kubernetes, ``v1.34``.
        without: tests to leave out.
    """
    argv = ["kube-score", "score", "--output-format", "json", "--kubernetes-version", version]
    return [*argv, *(word for name in without for word in ("--ignore-test", name)), "-"]


def parse_kube_score(text: str) -> list[Remark]:
    """The remarks in what ``kube-score`` printed: its grades are 1 (critical), 5 (warning), 7 and 10 (well)."""
    found = []
    for row in _rows(text):
        name = f"{row['type_meta']['kind']}/{row['object_meta']['name']}"
        for check in row.get("checks") or ():
            if check.get("skipped") or check["grade"] >= 7:
                continue
            for comment in check.get("comments") or ():
                container = f"container {comment['path']}: " if comment.get("path") else ""
                found.append(
                    Remark(
                        code=str(check["check"]["id"]),
                        level="error" if check["grade"] <= 1 else "warning",
                        where=name,
                        what=f"{container}{comment['summary']}",
                        advice=str(comment.get("description") or check["check"].get("comment") or ""),
                    )
                )
    return found


def kubeconform(schemas: str, version: str) -> list[str]:
    """Kubeconform on objects from standard input; exits 1 when one is not valid.

    Args:
        schemas: a template of a path or URL; empty for kubeconform's own, which it downloads.
        version: of Kubernetes, ``1.34.0``.
    """
    where = ["-schema-location", schemas] if schemas else []
    return ["kubeconform", "-output", "json", "-strict", "-kubernetes-version", version, *where, "-"]


def parse_kubeconform(text: str) -> tuple[list[Remark], str]:
    """The remarks in what ``kubeconform`` printed, and why it could not check everything; empty if it could."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("it is not an object")  # noqa: TRY004
    found, unchecked = [], ""
    for row in document.get("resources") or ():
        message = str(row.get("msg", "")).removeprefix("problem validating schema. Check JSON formatting: ")
        if row["status"] == "statusInvalid":
            name = f"{row.get('kind')}/{row.get('name')}"
            why = message.partition("' - ")[2] or message
            found.append(
                Remark("invalid", "critical", name, why, "fix the named field; the cluster would reject the object")
            )
        elif row["status"] == "statusError":
            unchecked = message
    return found, unchecked


def checkov(files: Sequence[str], framework: str, *, without: Sequence[str] = ()) -> list[str]:
    """Checkov on files, without its service and without downloads; exits 1 when it has remarks.

    Args:
        files: what to look at.
        framework: ``dockerfile`` or ``kubernetes``.
        without: checks to leave out.
    """
    argv = ["checkov", "--framework", framework, "--output", "json", "--compact", "--quiet", "--skip-download"]
    argv += [word for name in files for word in ("--file", name)]
    return [*argv, *(["--skip-check", ",".join(without)] if without else [])]


def parse_checkov(text: str) -> list[Remark]:
    """The remarks in what ``checkov`` printed: one report, or a list of them; nothing to check is an empty summary."""
    document = json.loads(text)
    reports = document if isinstance(document, list) else [document]
    rows: list[dict[str, Any]] = []
    for report in reports:
        rows += (report.get("results") or {}).get("failed_checks") or ()
    return [
        Remark(
            code=row["check_id"],
            level="error" if str(row.get("severity") or "").upper() in {"HIGH", "CRITICAL"} else "warning",
            where=_object(row),
            what=str(row.get("check_name") or row["check_id"]),
            link=row.get("guideline") or "",
        )
        for row in rows
    ]


def _object(row: dict[str, Any]) -> str:
    """``Kind/name`` of ``Kind.namespace.name``; the file and line of a Dockerfile's instruction."""
    parts = str(row.get("resource", "")).split(".")
    if len(parts) >= 3 and parts[0][:1].isupper():
        return f"{parts[0]}/{'.'.join(parts[2:])}"
    lines = row.get("file_line_range") or [0]
    return f"{str(row.get('file_path', '')).lstrip('/')}:{lines[0]}"


def _rows(text: str) -> list[dict[str, Any]]:
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError("it is not a list")  # noqa: TRY004
    return rows
