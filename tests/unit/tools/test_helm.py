import pytest

from kubetasks.tools import helm
from kubetasks.tools.helm import Helm

THREE = Helm("kind-kubetasks", "todo", (3, 17))
FOUR = Helm("kind-kubetasks", "todo", (4, 2))
CALL = ["helm", "--kube-context", "kind-kubetasks", "--namespace", "todo"]


def test_template() -> None:
    offline = Helm(namespace="todo")
    assert offline.template("todo", "chart") == [
        "helm", "--namespace", "todo", "template", "todo", "chart", "--skip-tests", "--values", "-",
    ]  # fmt: skip
    assert offline.template("todo", "chart", values=["a.yaml", "b.yaml"], tests=True) == [
        "helm", "--namespace", "todo", "template", "todo", "chart",
        "--values", "a.yaml", "--values", "b.yaml", "--values", "-",
    ]  # fmt: skip


def test_lint() -> None:
    assert Helm().lint("chart") == ["helm", "lint", "chart", "--strict"]
    assert Helm().lint("chart", values=["a.yaml"], stdin=True) == [
        "helm", "lint", "chart", "--strict", "--values", "a.yaml", "--values", "-",
    ]  # fmt: skip


def test_upgrade_install_with_helm_3() -> None:
    assert THREE.upgrade_install("todo", "chart", history=5, description="revision 7") == [
        *CALL, "upgrade", "todo", "chart", "--install", "--take-ownership", "--reset-values",
        "--history-max", "5", "--description", "revision 7", "--values", "-",
    ]  # fmt: skip


def test_upgrade_install_with_helm_4() -> None:
    assert FOUR.upgrade_install("todo", "chart", values=["more.yaml"], history=5) == [
        *CALL, "upgrade", "todo", "chart", "--install", "--take-ownership", "--reset-values",
        "--server-side=true", "--force-conflicts", "--history-max", "5", "--values", "more.yaml", "--values", "-",
    ]  # fmt: skip


def test_rollback() -> None:
    assert THREE.rollback("todo", 3, history=5) == [*CALL, "rollback", "todo", "3", "--history-max", "5"]
    assert FOUR.rollback("todo", 3, history=5) == [
        *CALL, "rollback", "todo", "3", "--server-side=true", "--force-conflicts", "--history-max", "5",
    ]  # fmt: skip


@pytest.mark.parametrize("bound", [THREE, FOUR])
def test_calls_that_are_the_same_in_both(bound: Helm) -> None:
    assert bound.uninstall("todo") == [*CALL, "uninstall", "todo", "--ignore-not-found", "--wait", "--timeout", "90s"]
    assert bound.test("todo") == [*CALL, "test", "todo", "--timeout", "120s"]


def test_version() -> None:
    assert helm.version() == ["helm", "version", "--template", "{{.Version}}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v3.17.3", (3, 17)),
        ("v4.2.4+gabcdef1", (4, 2)),
        ("v4.2", (4, 2)),
        ("v3.20.0-rc.1\n", (3, 20)),
        ('version.BuildInfo{Version:"v3.17.3", GitCommit:"e4da497"}', (3, 17)),
        ("", None),
        ("helm: command not found", None),
    ],
)
def test_parse_version(text: str, expected: tuple[int, int] | None) -> None:
    assert helm.parse_version(text) == expected


HISTORY = """[
 {"revision":1,"updated":"2026-11-21T01:40:00Z","status":"superseded","chart":"todo-0.1.0","app_version":"0.1.0",
  "description":"Install complete"},
 {"revision":2,"updated":"2026-11-21T01:41:00Z","status":"failed","chart":"todo-0.1.0","app_version":"0.1.0",
  "description":"revision 2"},
 {"revision":3,"status":"pending-upgrade","chart":"todo-0.1.0","app_version":"0.1.0","description":"Preparing upgrade"}
]"""


# Standard error of helm 3.17.3 and 4.2.4, word for word.
NIL_3 = """Error: template: todo/templates/a.yaml:1:15: executing "todo/templates/a.yaml" at <.Values.b.c>: nil pointer

Use --debug flag to render out invalid YAML
"""
NIL_4 = """Error: todo/templates/bad.yaml:1:15
  executing "todo/templates/bad.yaml" at <.Values.nope.bar>:
    nil pointer evaluating interface {}.bar

Use --debug flag to render out invalid YAML
"""
SCHEMA_3 = """Error: values don't meet the specifications of the schema(s) in the following chart(s):
todo:
- (root): Additional property nope is not allowed
- frontend.service.port: Invalid type. Expected: integer, given: string

"""
SCHEMA_4 = """Error: values don't meet the specifications of the schema(s) in the following chart(s):
todo:
- at '/frontend/service/port': got string, want integer
- at '': additional properties 'nope' not allowed

"""
GROUP_READABLE = """WARNING: Kubernetes configuration file is group-readable. This is insecure. Location: ~/.kube/config
Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress
"""


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (
            NIL_3,
            'template: todo/templates/a.yaml:1:15: executing "todo/templates/a.yaml" at <.Values.b.c>: nil pointer',
        ),
        (
            NIL_4,
            (
                'todo/templates/bad.yaml:1:15 executing "todo/templates/bad.yaml" at <.Values.nope.bar>: '
                "nil pointer evaluating interface {}.bar"
            ),
        ),
        (
            SCHEMA_3,
            (
                "(root): Additional property nope is not allowed; "
                "frontend.service.port: Invalid type. Expected: integer, given: string"
            ),
        ),
        (
            SCHEMA_4,
            "at '/frontend/service/port': got string, want integer; at '': additional properties 'nope' not allowed",
        ),
        (GROUP_READABLE, "UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress"),
        ("something else\n", "something else"),
        ("", "helm printed nothing"),
    ],
)
def test_reason(stderr: str, expected: str) -> None:
    assert helm.reason(stderr) == expected
