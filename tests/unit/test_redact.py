import base64
import copy
import pickle

import pytest

from kubetasks.redact import HIDDEN, Redactor, Sensitive

VALUE = "hunter2/+& x"


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


@pytest.mark.parametrize(
    "shown", [VALUE, base64.b64encode(VALUE.encode()).decode(), "hunter2%2F%2B%26%20x", f'"{VALUE}"']
)
def test_every_form_is_hidden(shown: str) -> None:
    hide = Redactor()
    hide.add([Sensitive(VALUE)])
    assert VALUE not in hide(f"before {shown} after")
    assert hide(f"before {shown} after").replace('"', "") == f"before {HIDDEN} after"


def test_the_password_of_a_url_is_hidden_alone_too() -> None:
    hide = Redactor()
    hide.add([Sensitive("postgresql://me:s3cret-pass@db.example/todo")])
    assert hide("password authentication failed: s3cret-pass") == "password authentication failed: ***"
    assert hide("postgresql://me:s3cret-pass@db.example/todo") == HIDDEN


def test_a_value_within_another_leaves_nothing_of_either() -> None:
    hide = Redactor()
    hide.add([Sensitive("abcd"), Sensitive("abcdefgh")])
    assert hide("abcdefgh abcd") == "*** ***"


def test_a_multi_line_value_is_hidden_line_by_line() -> None:
    hide = Redactor()
    hide.add([Sensitive("-----BEGIN KEY-----\nMIIEvQ\n-----END KEY-----\n")])
    assert "MIIEvQ" not in hide("why: MIIEvQ")


def test_short_values_leave_ordinary_words_alone() -> None:
    hide = Redactor()
    hide.add([Sensitive("1"), Sensitive("yes"), Sensitive("")])
    assert hide("yes, 1 of 11") == "yes, 1 of 11"


def test_a_malformed_url_is_no_error() -> None:
    hide = Redactor()
    hide.add([Sensitive("http://[broken")])
    assert hide("http://[broken") == HIDDEN
