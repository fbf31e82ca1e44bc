"""The text of the repository avoids the words in docs/style/words.yaml."""

import re

import pytest

from tests.docs.prose import ROOT, Style, style

STYLE = style()

MARKDOWN = """# Title

A failure is mended by
whoever can.

```sh
echo anew  # code is not prose
```

`mend` is quoted, [a link](docs/mended.md) is followed.
"""
PYTHON = '''"""A docstring that nobody reads."""

LINE = "it does not hold"  # a comment that was told
mend = {"anew": f"{LINE} is gone", "lies": "mended"}
'''


@pytest.mark.parametrize(
    ("name", "text", "hits"),
    [
        ("page.md", MARKDOWN, [(3, "mended"), (4, "whoever")]),
        ("module.py", PYTHON, [(1, "nobody"), (3, "does not hold"), (3, "told"), (4, "gone")]),
        ("values.yaml", "a: anew  # made anew\nb: 1 # fine\n", [(1, "anew")]),
        ("page.md", "It does\nnot hold.\n", [(1, "does not hold")]),
        ("page.md", "A recommended, amended word. There is no YAML here.\n", []),
    ],
)
def test_a_listed_word_is_reported_with_its_line(name: str, text: str, hits: list[tuple[int, str]]) -> None:
    found = STYLE.check(name, text)
    assert sorted((hit.line, hit.text) for hit in found) == hits
    assert all(re.fullmatch(rf"{re.escape(name)}:\d+: “.+”: .+", str(hit)) for hit in found)


def test_every_pattern_finds_files_and_every_word_has_a_suggestion() -> None:
    assert all(any(ROOT.glob(pattern)) for pattern in (*STYLE.include, *STYLE.exclude))
    assert all(word.use for word in STYLE.words)
    assert len(list(Style.files(STYLE))) > 100


def test_the_repository_avoids_the_listed_words() -> None:
    hits = [
        str(hit)
        for path in STYLE.files()
        for hit in STYLE.check(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    ]
    assert hits == [], "see docs/style/words.yaml"
