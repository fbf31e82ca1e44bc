"""Reading journeys."""

from pathlib import Path

import pytest

from kubetasks.errors import SettingsError
from kubetasks.verify.journeys import fill, load, variables

GOOD = """
name: notes
steps:
  - name: sign in
    request: {method: POST, path: /api/session}
    expect: {status: 200|201, type: application/json}
    save: {token: /token}
  - name: look
    request: {path: "/${unique}", bearer: "${token}"}
    expect: {status: [200, 404]}
cleanup:
  - name: away
    request: {method: DELETE, path: /x, bearer: "${token}"}
"""


def test_a_journey(tmp_path: Path) -> None:
    path = tmp_path / "j.yaml"
    path.write_text(GOOD)
    journey = load(path, "j")
    assert [step.expect.statuses for step in journey.steps] == [[200, 201], [200, 404]]
    assert journey.cleanup[0].expect.statuses == [200]
    assert variables(journey.steps[1]) == {"unique", "token"}


def test_the_journeys_of_this_project_are_well_formed() -> None:
    for path in (Path(__file__).parents[3] / "docs" / "journeys").glob("*.yaml"):
        assert load(path, path.name).steps


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: notes\n", "", "the top: Object missing required field `name`"),
        ("name: notes", "name: notes\nstep: 1", "the top: Object contains unknown field `step`"),
        ("method: POST", "method: FETCH", "steps[0].request.method: Invalid enum value 'FETCH'"),
        ("path: /api/session", "path: api", "steps[0].request.path: Expected `str` matching regex '^/'"),
        ("200|201", "2xx", "steps[0].expect.status: expected statuses like 200 or 200|201, found 2xx"),
        ("token: /token", "token: token", "steps[0].save: `token: token` is not a name with a JSON pointer"),
        ("token: /token", "to-ken: /token", "steps[0].save: `to-ken: /token` is not a name"),
        ("save: {token: /token}", "save: {}", "steps[1]: nothing before it saves ${token}"),
        ("status: [200, 404]", "body: {a: 1}", "steps[1].expect.body: `a` is not a JSON pointer"),
        ("status: [200, 404]", "text: {includes: x}", "steps[1].expect.text: unknown matcher `includes`"),
        ("path: /x", "path: /x, json: {}, form: {}", "cleanup[0].request: json or form, not both"),
        ("steps:", "steps: [", "is not valid YAML"),
    ],
)
def test_a_malformed_journey_is_refused_with_the_path(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "j.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(SettingsError) as raised:
        load(path, "docs/j.yaml")
    assert raised.value.line.startswith("the journey docs/j.yaml")
    assert says in raised.value.line


def test_a_missing_journey(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"the journey docs/j\.yaml: No such file"):
        load(tmp_path / "none", "docs/j.yaml")


def test_a_variable_that_stands_alone_keeps_its_type() -> None:
    known = {"id": 3, "list": [1], "name": "x"}
    assert fill({"a": "${id}", "b": "no ${id} of ${name}", "c": ["${list}"], "d": 5, "${name}": None}, known) == {
        "a": 3, "b": "no 3 of x", "c": [[1]], "d": 5, "x": None,
    }  # fmt: skip
