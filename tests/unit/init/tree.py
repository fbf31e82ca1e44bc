"""Makes the files of an application, and what init reads of them."""

from pathlib import Path

from kubetasks.init.proposal import Application, Proposal, propose, read
from kubetasks.init.walk import walk

PYTHON = "FROM python:3.12-slim\nCOPY . .\nCMD python app.py\n"


def deployment(name: str, *images: str, kind: str = "Deployment") -> str:
    containers = ", ".join(f'{{name: {name}-{index}, image: "{image}"}}' for index, image in enumerate(images))
    return (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"
        f"spec:\n  selector: {{matchLabels: {{app: {name}}}}}\n"
        f"  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec: {{containers: [{containers}]}}\n"
    )


def service(name: str, port: int = 80, kind: str = "ClusterIP") -> str:
    spec = f"{{type: {kind}, selector: {{app: {name}}}, ports: [{{port: {port}}}]}}"
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def application(root: Path, files: dict[str, str], rendered: dict[str, str] | None = None) -> Application:
    """What init reads of these files; ``rendered`` is what helm gives for the folder of a chart."""
    return read(walk(written(root, files)), lambda folder: (rendered or {}).get(folder, ""))


def proposed(root: Path, files: dict[str, str], rendered: dict[str, str] | None = None) -> Proposal:
    found = propose(application(root, files, rendered))
    assert found is not None
    return found


def pairs(proposal: Proposal) -> dict[str, str]:
    """Image to the Dockerfile that builds it."""
    return {each.image: each.build.path for each in proposal.pairing.pairs}
