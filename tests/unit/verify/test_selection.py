"""Which checks run."""

import pytest

from kubetasks.errors import UsageError
from kubetasks.verify.check import Check
from kubetasks.verify.selection import Selection

CHECKS = [
    Check("Service/web", print, "objects"),
    Check("Deployment/web", print, "rollout", needs=("deployed",)),
    Check("Service/web", print, "endpoints", needs=("deployed",)),
    Check("Deployment/web /", print, "probes", needs=("endpoints/Service/web",)),
    Check("contract", print, "contract", needs=("entry", "rollout", "probes")),
    Check("stock", print, needs=("contract",)),
    Check("alone", print),
]


def chosen(only: str = "", layer: str = "") -> list[str]:
    return [each.id for each in Selection.parse(only, layer).of(CHECKS)]


@pytest.mark.parametrize(
    ("only", "layer", "found"),
    [
        ("", "", [each.id for each in CHECKS]),
        ("alone", "", ["checks/alone"]),
        (" alone , alone,", "", ["checks/alone"]),
        ("Service/web", "", ["objects/Service/web", "endpoints/Service/web"]),
        ("objects/Service/web", "", ["objects/Service/web"]),
        ("Service/web", "objects", ["objects/Service/web"]),
        ("", "probes", ["endpoints/Service/web", "probes/Deployment/web /"]),
        ("", "objects,rollout", ["objects/Service/web", "rollout/Deployment/web"]),
        (
            "stock",
            "",
            [
                "rollout/Deployment/web",
                "endpoints/Service/web",
                "probes/Deployment/web /",
                "contract/contract",
                "checks/stock",
            ],
        ),
    ],
)
def test_by_name_and_layer_with_what_they_need(only: str, layer: str, found: list[str]) -> None:
    assert chosen(only, layer) == found


@pytest.mark.parametrize(
    ("only", "layer", "line"),
    [
        ("", "probs", "--layer probs: there is no such layer -- did you mean `probes`?"),
        ("", "PROBES", "--layer PROBES: there is no such layer -- did you mean `probes`?"),
        ("stok", "", "--only stok: there is no such check -- did you mean `stock`?"),
        ("alone,stok", "", "--only stok: there is no such check -- did you mean `stock`?"),
        ("service/web", "", "--only service/web: there is no such check -- did you mean `Service/web`?"),
        ("alone", "probes", "--only alone: there is no such check in probes -- choose one of "),
        ("zzz", "", "--only zzz: there is no such check -- there are 13; see inv verify --list"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(only: str, layer: str, line: str) -> None:
    with pytest.raises(UsageError) as refused:
        chosen(only, layer)
    assert refused.value.line.startswith(line)
