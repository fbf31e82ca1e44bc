"""What our YAML loader makes of plain scalars is what Helm, with Kubernetes' own library, makes of them."""

import json
from pathlib import Path

from kubetasks.documents import load
from tests.scalars import PLAIN

from .common import runner

TEMPLATE = """\
kind: Scalars
found:
{{- range .Values.scalars }}
- {{ (printf "v: %s" . | fromYaml).v | toJson | quote }}
{{- end }}
"""


def test_plain_scalars(tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: scalars\nversion: 0.1.0\n")
    (chart / "templates/found.yaml").write_text(TEMPLATE)
    values = json.dumps({"scalars": list(PLAIN)})
    result = runner(tmp_path).run(["helm", "template", "x", "chart", "--values", "-"], input=values)
    found = [json.loads(each) for each in load(result.stdout)["found"]]
    assert {text: json.dumps(each) for text, each in zip(PLAIN, found, strict=True)} == {
        text: json.dumps(each) for text, each in PLAIN.items()
    }
