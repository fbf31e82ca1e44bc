"""The chart's folder: the project's own, or one that is pulled from a repository and kept.

A pulled chart is kept in the project's state folder, by where it is from, its version and the digest of its archive.
Once it is cached, no registry is asked again. Pulled are exact versions only, so the same settings mean the same chart.
"""

import hashlib
import json
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from kubetasks import state
from kubetasks.errors import ChartUnavailable
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.settings.sections import Chart
from kubetasks.tools import helm

LIMIT: Final = 120.0  # seconds for one pull
DIGEST: Final = 12  # characters of a digest in a folder's name


def at_hand(settings: Settings, root: Path, runner: Runner) -> Settings:
    """The settings with the chart in a folder of this machine: pulled where a repository has it.

    Raises:
        ChartUnavailable: it cannot be pulled, or is another one than the settings' digest says.
        ToolMissing: there is no helm.
        StateUnavailable: there is no folder for what is pulled.
    """
    chart = settings.chart
    if not chart.repository:
        return settings
    above = state.claim(root) / "charts" / _key(chart)
    found = _kept(above, chart) or _pulled(above, chart, runner, root)
    return replace(settings, chart=replace(chart, path=str(found)))


def _key(chart: Chart) -> str:
    where = hashlib.sha256(json.dumps([chart.repository, chart.name]).encode()).hexdigest()[:DIGEST]
    return f"{chart.name}-{where}"


def _kept(above: Path, chart: Chart) -> Path | None:
    """The folder of a chart that was pulled before."""
    for folder in sorted(above.glob(f"{chart.version}@*")):
        known = folder.name.rpartition("@")[2]
        found = folder / chart.name
        if (found / "Chart.yaml").is_file() and _plain(chart.digest).startswith(known if chart.digest else ""):
            return found
    return None


def _plain(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _pulled(above: Path, chart: Chart, runner: Runner, root: Path) -> Path:
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=above, prefix=".pull-") as scratch:
        shown = f"chart {chart.name} {chart.version} of {chart.repository}"
        argv = helm.pull(chart.repository, chart.name, chart.version, scratch)
        result = runner.run(argv, cwd=root, timeout=LIMIT, check=False)
        archives = sorted(Path(scratch).glob("*.tgz"))
        if not result.ok or not archives:
            raise ChartUnavailable(
                f"{shown} cannot be pulled",
                why=runner.redactor(helm.reason(result.stderr)),
                fix="check chart.repository, chart.name and chart.version; for a private registry: docker login",
            )
        digest = hashlib.sha256(archives[0].read_bytes()).hexdigest()
        if chart.digest and digest != _plain(chart.digest):
            raise ChartUnavailable(
                f"{shown} is not the one that `chart.digest` names",
                why=f"its archive's digest is sha256:{digest}",
                fix="find out who changed it; set chart.digest to that value only if the change was meant",
            )
        unpacked = Path(scratch) / "unpacked"
        try:
            with tarfile.open(archives[0]) as archive:
                archive.extractall(unpacked, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise ChartUnavailable(f"{shown} cannot be unpacked", why=str(error)) from None
        if not (unpacked / chart.name / "Chart.yaml").is_file():
            raise ChartUnavailable(f"{shown} holds no chart {chart.name}", fix="check chart.name")
        made = above / f"{chart.version}@{digest[:DIGEST]}"
        if made.exists():  # another process was quicker, or it is damaged
            shutil.rmtree(made)
        unpacked.rename(made)
    return made / chart.name
