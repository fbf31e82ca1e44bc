"""docs/diagnoses is what the rules and the recorded states make of it."""

from kubetasks.diagnose.rule import RULES
from tests.states.pages import FAMILIES, PAGES, texts


def test_the_pages_are_up_to_date() -> None:
    made = texts()
    assert {path.name for path in PAGES.iterdir()} == {path.name for path in made}
    stale = [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run python -m tests.states.pages"


def test_every_rule_is_in_a_family_and_says_what_it_should() -> None:
    for rule in RULES.values():
        assert rule.family in FAMILIES, rule.id
        assert all((rule.title, rule.signal, rule.why, rule.fix)), rule.id
        assert rule.title[0].islower() or rule.title.split()[0].isupper() or rule.title.split()[0] in {"Pod", "TLS"}, (
            rule.id
        )
