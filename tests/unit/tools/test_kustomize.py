import pytest

from kubetasks.tools import kustomize

ACCUMULATION = (
    "accumulating resources: accumulation err='accumulating resources from '../../base': '/p/m/base' must resolve to a "
    "file': recursed accumulation of path '/p/m/base': "
)
MISSING = ACCUMULATION + (
    "accumulating resources: accumulation err='accumulating resources from 'pdbs.yaml': evalsymlink failure on "
    "'/p/m/base/pdbs.yaml' : lstat /p/m/base/pdbs.yaml: no such file or directory': must build at directory: not a "
    "valid directory: evalsymlink failure on '/p/m/base/pdbs.yaml' : "
    "lstat /p/m/base/pdbs.yaml: no such file or directory"
)
MALFORMED = ACCUMULATION + (
    "accumulating resources: accumulating resources from 'pdbs.yaml': MalformedYAMLError: yaml: line 16: mapping "
    "values are not allowed in this context in File: pdbs.yaml"
)
NO_TARGET = (
    "accumulating components: accumulateDirectory: \"recursed accumulation of path '/p/m/components/db': no resource "
    'matches strategic merge patch \\"Job.v1.batch/mig.[noNs]\\": no matches for Id Job.v1.batch/mig.[noNs]"'
)
LOGGED = 'E1121 01:50:06.256275    3558 run.go:72] "command failed" err="{}"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MISSING, "m/base/pdbs.yaml: no such file or directory"),
        (MALFORMED, "m/base/pdbs.yaml: yaml: line 16: mapping values are not allowed in this context"),
        (
            NO_TARGET,
            (
                'm/components/db: no resource matches strategic merge patch "Job.v1.batch/mig.[noNs]": '
                "no matches for Id Job.v1.batch/mig.[noNs]"
            ),
        ),
        ('invalid Kustomization: json: unknown field "nope"', 'invalid Kustomization: json: unknown field "nope"'),
    ],
    ids=["missing", "malformed", "no target", "unknown field"],
)
@pytest.mark.parametrize("logged", [False, True], ids=["printed", "logged"])
def test_reason(text: str, expected: str, logged: bool) -> None:
    """The messages of kubectl 1.37 (printed) and of a 1.32 that logs them."""
    stderr = LOGGED.format(text.replace("\\", "\\\\").replace('"', '\\"')) if logged else f"error: {text}"
    assert kustomize.reason(f"# Warning: something\n{stderr}\n", "/p") == expected


def test_nothing_printed() -> None:
    assert kustomize.reason("") == "kustomize printed nothing"
