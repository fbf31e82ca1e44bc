import base64
import copy
import html
import json
import pickle
import shlex
import urllib.parse

import pytest
import yaml

from kubetasks import documents
from kubetasks.redact import HIDDEN, Redactor, Sensitive, is_common, weakness
from tests.scalars import COMMON, HOSTILE

VALUE = "hunter2/+& x"


def hider(*values: str, public: tuple[str, ...] = ()) -> Redactor:
    hide = Redactor()
    hide.expect(public)
    hide.add(map(Sensitive, values))
    return hide


def test_a_secret_never_shows_itself() -> None:
    secret = Sensitive(VALUE)
    assert f"{secret} {secret!r} {secret!s} {secret:>5} %s" % secret == "*** Sensitive(***) ***   *** ***"
    assert VALUE not in repr({"a": [secret]})
    assert secret.reveal() == VALUE


def test_secrets_compare_by_value() -> None:
    assert Sensitive("a") == Sensitive("a")
    assert Sensitive("a") != Sensitive("b")
    assert Sensitive("a") != "a"
    assert len({Sensitive("a"), Sensitive("a")}) == 1
    assert not Sensitive("")


def test_a_copy_hides_it_too() -> None:
    assert VALUE not in repr(copy.deepcopy(Sensitive(VALUE)))
    assert VALUE not in repr(pickle.loads(pickle.dumps(Sensitive(VALUE))))  # noqa: S301


def forms(value: str) -> dict[str, str]:
    """A value as programs show it."""
    raw = value.encode()
    return {
        "as it is": value,
        "base64": base64.b64encode(raw).decode(),
        "base64 without padding": base64.b64encode(raw).decode().rstrip("="),
        "base64 for URLs": base64.urlsafe_b64encode(raw).decode(),
        "base64 of Basic auth": base64.b64encode(b"user:" + raw).decode(),
        "base64 within a text": base64.b64encode(b"x=" + raw + b"; y=1").decode(),
        "base64 within another text": base64.b64encode(b"pw=" + raw + b"...").decode(),
        "base64 in lines": base64.encodebytes(raw).decode(),
        "URL": urllib.parse.quote(value, safe=""),
        "URL path": urllib.parse.quote(value),
        "URL form": urllib.parse.quote_plus(value),
        "URL in lower case": urllib.parse.quote(value, safe="").lower(),
        "JSON": json.dumps({"k": value}),
        "JSON without escapes": json.dumps({"k": value}, ensure_ascii=False),
        "Python": repr(value),
        "Python bytes": repr(raw),
        "shell": shlex.join(["login", value]),
        "HTML": html.escape(value),
        "SQL": "BY '" + value.replace("'", "''") + "'",
        "within a word": f"x{value}x",
    }


@pytest.mark.parametrize("value", [value for value in HOSTILE if not weakness(value)])
def test_every_form_of_a_value_is_hidden(value: str) -> None:
    hide = hider(value)
    for name, shown in forms(value).items():
        if name == "URL in lower case" and value.lower() != value:
            continue  # lower case is another value; only the escapes are meant
        said = hide(f"before {shown} after")
        assert HIDDEN in said, name
        # No six characters in a row of it are left that are not in the text around.
        rest = said.replace(HIDDEN, "\n")
        core = value.strip()
        left = [core[i : i + 6] for i in range(len(core) - 5) if core[i : i + 6] in rest]
        assert left == [], (name, said)


@pytest.mark.parametrize("value", [*HOSTILE, *COMMON])
def test_a_document_keeps_its_structure(value: str) -> None:
    hide = hider(value, public=("shop",))
    document = {
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "shop", "labels": {"true": "null", "shop": "8000"}},
        "ports": [8000, 1.5, True, False, None],
        value or "key": {"text": f"before {value} after", "{": '"'},
        "list": [[], {}, ""],
    }

    def shape(node: object) -> object:
        if isinstance(node, dict):
            return {key: shape(each) for key, each in node.items()}
        if isinstance(node, list):
            return [shape(each) for each in node]
        return "text" if isinstance(node, str) else node

    hidden = hide.document(document)
    assert shape(hidden) == shape(document)
    assert shape(json.loads(json.dumps(hidden))) == shape(document)
    assert (hidden["kind"], hidden["metadata"]["name"], hidden["metadata"]["labels"]["shop"]) == (
        "Deployment",
        "shop",
        "8000",
    )
    if len(value.strip()) >= 8 and not is_common(value):
        assert value not in json.dumps(hidden[value], ensure_ascii=False)
    assert documents.load_all(documents.dump_all([hidden])) == [hidden]


def test_what_a_kubernetes_secret_holds_is_hidden_whatever_it_is() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"A": "dHJ1ZQ=="}, "stringData": {"B": "true"}}
    hidden = Redactor().document([secret])
    assert hidden == [{**secret, "data": {"A": HIDDEN}, "stringData": {"B": HIDDEN}}]
    digest = f"hmac-sha256:{'0a' * 16}"
    concealed = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"A": digest, "B": "dHJ1ZQ=="}}
    assert Redactor().document(concealed)["data"] == {"A": digest, "B": "***"}
    written = {**concealed, "data": {"A": f"{digest}="}, "stringData": {"A": digest}}
    assert Redactor().document(written) == {**written, "data": {"A": "***"}, "stringData": {"A": "***"}}
    assert Redactor().document({"kind": "Secret", "data": {"A": "b"}}) == {"kind": "Secret", "data": {"A": "b"}}


@pytest.mark.parametrize("value", COMMON)
def test_a_common_value_is_hidden_where_it_stands_alone_and_warned_of(value: str) -> None:
    hide = hider(value, public=("shop", "shop-dev"))
    assert weakness(value, ("shop", "shop-dev"))
    assert (
        hide(f"kubetasks/x{value}x:1 at http://h-{value}:80/{value}-x")
        == f"kubetasks/x{value}x:1 at http://h-{value}:80/{value}-x"
    )
    if len(value) >= 4:
        assert hide(f'password "{value}" is wrong') == 'password "***" is wrong'
        assert hide(value) == HIDDEN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc123", HIDDEN),
        ("password=abc123;", "password=***;"),
        ("postgresql://me:abc123@host", "postgresql://me:***@host"),
        ("deadabc1234", "deadabc1234"),
        ("YWJjMTIz", HIDDEN),
    ],
)
def test_a_short_value_is_hidden_unless_within_a_longer_word(text: str, expected: str) -> None:
    hide = hider("abc123")
    assert hide(text) == hide.document([text])[0] == expected
    assert weakness("abc123") == "it has only 6 characters"


@pytest.mark.parametrize("value", ["1", "yes", "", "  ", "{", '"', "abc"])
def test_a_value_of_a_few_signs_is_not_hidden_and_warned_of(value: str) -> None:
    hide = hider(value)
    assert hide('yes, 1 of 11 { "abc" }') == 'yes, 1 of 11 { "abc" }'
    assert weakness(value)


def test_a_good_value_is_not_warned_of() -> None:
    for value in ("correct horse", "dR4-xkq9", "12345678", "!@#$%^&*()"):
        assert weakness(value) == ""
    assert Redactor().weakness(Sensitive("true"))


def test_the_password_of_a_url_is_hidden_alone_too() -> None:
    hide = hider("postgresql://me:s3cret%2Fpass@db.example/shop")
    assert hide("password authentication failed: s3cret%2Fpass") == "password authentication failed: ***"
    assert hide("password authentication failed: s3cret/pass") == "password authentication failed: ***"
    assert hide("postgresql://me:s3cret%2Fpass@db.example/shop") == HIDDEN


def test_a_value_within_another_leaves_nothing_of_either() -> None:
    assert hider("abcd-efgh", "abcd-efgh-ijkl")("abcd-efgh-ijkl abcd-efgh") == "*** ***"


def test_a_multi_line_value_is_hidden_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQ\n" + "abcdefghij" * 20 + "\n-----END KEY-----\n"
    hide = hider(key)
    assert "MIIEvQ" not in hide("why: MIIEvQ")
    wrapped = base64.b64encode(key.encode()).decode()
    for line in [wrapped[start : start + 64] for start in range(0, len(wrapped), 64)]:
        assert hide(f"    {line}").strip() == HIDDEN or len(line) < 8


def test_a_malformed_url_is_no_error() -> None:
    assert hider("http://[broken")("http://[broken") == HIDDEN


def test_bytes_that_are_no_text_are_no_error() -> None:
    value = b"p\xff\xfess-word".decode(errors="surrogateescape")
    assert hider(value)(f"it is {value}") == "it is ***"


def test_words_that_become_public_later_count_too() -> None:
    hide = hider("acme-shop")
    assert hide("kubetasks/acme-shop-web") == "kubetasks/***-web"
    hide.expect(["acme-shop"])
    assert hide("kubetasks/acme-shop-web") == "kubetasks/acme-shop-web"


def test_yaml_that_is_dumped_is_read_alike_by_everybody() -> None:
    texts = [*HOSTILE, *COMMON]
    dumped = documents.dump_all([{"texts": texts}])
    assert documents.load(dumped) == {"texts": texts}
    assert yaml.safe_load(dumped) == {"texts": texts}
