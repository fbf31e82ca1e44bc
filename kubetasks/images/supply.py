"""Giving another engine what the host's own has and no registry answers for: base images, and images used as they are.

Where images are built inside a node, its engine would pull their bases. With ``offline`` nothing can be pulled, but
the host's engine has them: docker/offline created them there.
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from kubetasks.errors import DeliveryFailed
from kubetasks.images.engine import disk_full, inspect
from kubetasks.runner import Environment, Runner
from kubetasks.tools import docker


def supply(
    references: Iterable[str], runner: Runner, env: Environment | None, progress: Callable[[str], None]
) -> list[str]:
    """Copy images from the host's engine to another one that lacks them.

    Args:
        references: what is needed; what neither engine has is left to the builder to report.
        runner: starts docker.
        env: leads to the other engine; where it is empty, the host's own builds, and nothing is copied.
        progress: shown while an image is copied.

    Returns:
        The references that were copied.

    Raises:
        DeliveryFailed: an engine refused one.
        DiskFull: no space left.
        EngineDown: an engine does not answer.
    """
    wanted = list(dict.fromkeys(references))
    if not wanted or not env:
        return []
    there = inspect(wanted, runner, env)
    held = inspect([each for each in wanted if each not in there], runner)
    if not held:
        return []
    names = ", ".join(held)
    progress(f"copying {names} from the host's engine")
    with tempfile.TemporaryDirectory(prefix="kubetasks-") as folder:
        path = str(Path(folder) / "images.tar")
        for argv, where in ((docker.save(list(held), path), None), (docker.load(path), env)):
            result = runner.run(argv, env=where, timeout=600, check=False)
            text = "\n".join(result.lines)
            if docker.is_disk_full(text):
                raise disk_full(f"no space left while copying {names}", text)
            if not result.ok:
                raise DeliveryFailed(
                    f"{names} could not be copied to the engine that builds",
                    why=(result.lines or ["it printed nothing"])[-1],
                    fix="run it again",
                )
    return list(held)
