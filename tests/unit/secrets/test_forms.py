"""What a secret's value may look like; the reasons never repeat it."""

from pathlib import Path
from urllib.parse import quote

import pytest

from kubetasks.errors import SecretUnusable
from kubetasks.secrets.forms import fault
from kubetasks.secrets.values import collect
from kubetasks.settings import load
from tests.scalars import HOSTILE

ENCODED = [quote(value, safe="") for value in HOSTILE]
URLS = [
    *(f"postgresql://todo:{password}@db.example:5432/todo?sslmode=require" for password in ENCODED),
    *(f"postgresql://{password}:x@db.example/todo" for password in ENCODED),
    "postgresql://db.example/todo",
    "postgresql://todo@db.example/todo",
    "postgresql://todo:x@[::1]:5432/todo",
    "postgresql://todo:x@[::1]/todo",
    "postgresql://todo:x@a:1,b:2,c/todo",
    "postgresql:///todo?host=/var/run",
    "postgresql://todo:x@h/t?options=-c%20a&email=me@example.com",
    "sqlite:////data/app.db",
    "postgresql+psycopg://u:p@h/d",
]
NOT_URLS = [
    ("db.example/todo", "not a URL"),
    ("host=db.example user=todo", "not a URL"),
    ("postgresql:/db.example", "not a URL"),
    ("'postgresql://u:p@h/d'", "not a URL"),
    ("postgresql://todo:p@ss/w#rd%41:x?@db.example/todo", "character that ends it"),
    ("postgresql://todo:p@ss@db.example/todo", "character that ends it"),
    ("postgresql://todo:pa/ss@db.example/todo", "character that ends it"),
    ("postgresql://todo:pa#ss@db.example/todo", "character that ends it"),
    ("postgresql://todo:pa?ss@db.example/todo", "character that ends it"),
    ("postgresql://todo:12?ss@db.example/todo", "blank|character|port"),
    ("postgresql://todo:100%@db.example/todo", "is not an escape"),
    ("postgresql://todo:%zz@db.example/todo", "is not an escape"),
    ("postgresql://todo:a b@db.example/todo", "space"),
    ("postgresql://todo:x@db.example:port/todo", "port"),
    ("postgresql://todo:x@db.example:70000/todo", "port"),
    ("postgresql://todo:x@db.example/todo\n", "line break"),
    (" postgresql://todo:x@db.example/todo", "not a URL"),
]


@pytest.mark.parametrize("url", URLS)
def test_urls(url: str) -> None:
    assert fault(url, "url") == ("", "")


@pytest.mark.parametrize(("url", "why"), NOT_URLS)
def test_texts_that_are_no_urls(url: str, why: str) -> None:
    found, fix = fault(url, "url")
    if "12?ss" in url and not found:
        return  # a query: nothing tells it from one
    assert any(each in found for each in why.split("|"))
    assert fix
    for part in ("p@ss", "pa/ss", "pa#ss", "zz", "db.example"):
        assert part not in found


@pytest.mark.parametrize("value", HOSTILE)
def test_any_text_is_a_text_and_one_without_a_line_break_is_a_line(value: str) -> None:
    assert fault(value, "text") == ("", "")
    assert bool(fault(value, "line")[0]) is ("\n" in value or "\r" in value)


@pytest.mark.parametrize("form", ["text", "line", "url"])
@pytest.mark.parametrize(("value", "why"), [("a\0b", "NUL"), ("a\udc80b", "UTF-8")])
def test_what_no_environment_variable_can_hold(form: str, value: str, why: str) -> None:
    assert why in fault(value, form)[0]


@pytest.mark.parametrize("source", ["environment", "file", "terminal"])
def test_a_value_that_cannot_be_used_is_refused_by_its_name_and_source(tmp_path: Path, source: str) -> None:
    file = tmp_path / "prod.env"
    file.write_text("")
    settings = load({"secrets": {"URL": {"kind": "required", "form": "url"}}}, environ={})
    secret = "postgresql://todo:p@ss@word@db.example/todo"
    environ = {"URL": secret} if source == "environment" else {}
    if source == "file":
        file.write_text(f"URL='{secret}'\n")
    with pytest.raises(SecretUnusable) as caught:
        collect(settings, environ, file, prompt=lambda question: secret)
    error = caught.value
    where = {"environment": "the environment", "file": "prod.env", "terminal": "the terminal"}[source]
    assert error.what == f"the value of URL from {where} cannot be used"
    assert error.exit_code == 42
    assert "p@ss" not in error.line
