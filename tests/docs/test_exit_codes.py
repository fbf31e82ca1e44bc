"""The exit codes in docs/troubleshooting.md are those of kubetasks/errors.py, and each is one error's own."""

import re
from pathlib import Path

from kubetasks.errors import KubetasksError

ROOT = Path(__file__).resolve().parents[2]


def classes(top: type[KubetasksError]) -> list[type[KubetasksError]]:
    return [top, *(below for each in top.__subclasses__() for below in classes(each))]


def own_codes() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for each in classes(KubetasksError):
        if "exit_code" in vars(each):
            found.setdefault(each.exit_code, []).append(each.__name__)
    return found


def documented() -> list[int]:
    table = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").split("## ")[0]
    return [int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, flags=re.MULTILINE) for code in row.split(",")]


def test_an_exit_code_is_one_errors_own() -> None:
    assert {code: names for code, names in own_codes().items() if len(names) > 1} == {}


def test_every_exit_code_is_in_the_troubleshooting_page_once_and_in_order() -> None:
    assert documented() == sorted(own_codes())


def test_the_tree_at_the_top_of_the_module_says_the_same() -> None:
    text = (ROOT / "kubetasks" / "errors.py").read_text(encoding="utf-8").split('"""')[1]
    told = {name: int(code) for name, code in re.findall(r"(\w+) +(\d+)", text)}
    assert told == {names[0]: code for code, names in own_codes().items()}
