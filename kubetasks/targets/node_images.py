"""Bringing images into nodes that are containers with a containerd inside: only the layers that they lack."""

import contextlib
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubetasks.errors import DeliveryFailed, ToolError
from kubetasks.images.content import Content, identity
from kubetasks.images.engine import disk_full, inspect
from kubetasks.runner import Result, Runner
from kubetasks.targets.base import Progress
from kubetasks.targets.nodes import Nodes
from kubetasks.tools import ctr, docker


@dataclass(frozen=True)
class NodeImages:
    """The images of a cluster whose nodes can be reached with ``docker exec``.

    Args:
        runner: starts programs.
        nodes: the nodes.
        repository: ``images.repository``; all images are pushed under one name, so that shared layers go once.
        load_whole: the command that loads an archive of whole images into every node, the tool's own.
    """

    runner: Runner
    nodes: Nodes
    repository: str
    load_whole: Callable[[str], list[str]]

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Bring images into every node: only the layers that they lack, whole images where that does not work.

        Raises:
            DeliveryFailed: an image did not arrive.
            DiskFull: no space left.
            EngineDown: the engine does not answer.
        """
        held = inspect(references, self.runner)
        wanted = {each: {identity(held[each])} if each in held else set() for each in references}
        with tempfile.TemporaryDirectory(prefix="kubetasks-") as name:
            folder = Path(name)
            there: Mapping[str, Content] = {}
            if len(held) == len(wanted):
                there = self._push({each: held[each].id for each in wanted}, wanted, folder, progress)
            if not there:
                there = self._save(wanted, folder / "images.tar", progress)
        return there

    def _push(
        self, ids: Mapping[str, str], wanted: Mapping[str, set[str]], folder: Path, progress: Progress
    ) -> Mapping[str, Content]:
        """Let the engine push to us what the nodes lack, and import that. Empty when it did not work.

        It does not where the engine runs elsewhere and our loopback is not its own (Docker Desktop, a remote engine).
        """
        from kubetasks.images import archive, sink  # noqa: PLC0415  (an HTTP server; most runs deliver nothing)

        with contextlib.suppress(ToolError, OSError, ValueError), sink.serve(folder, self.nodes.content()) as taken:
            roots: dict[str, str] = {}
            for reference, number in ids.items():
                progress(f"pushing the new layers of {reference}")
                root = self._push_one(reference, taken.port, taken.tags)
                if not archive.is_image(taken, root, number):
                    return {}
                roots[ctr.full_name(reference)] = root
            progress(f"importing {len(roots)} into {', '.join(self.nodes.names)}")
            self.nodes.load(lambda out: archive.write(taken, roots, out))
            there, lost = self.nodes.arrived(wanted)
            return {} if lost else there
        return {}

    def _push_one(self, reference: str, port: int, tags: dict[str, str]) -> str:
        """Push one image to our registry, and return the digest of its manifest; empty when it did not come.

        All go under one repository there: layers that they share are compressed and sent once.
        """
        repository, _, tag = reference.rpartition(":")
        name = f"{repository.rpartition('/')[2]}.{tag}"[:128]
        alias = f"127.0.0.1:{port}/{self.repository.rpartition('/')[2]}:{name}"
        self.runner.run(docker.tag(reference, alias))
        try:
            self.runner.run(docker.push(alias), timeout=600)
        finally:
            self.runner.run(docker.rmi([alias]), check=False)
        return tags.get(name, "")

    def _save(self, wanted: Mapping[str, set[str]], path: Path, progress: Progress) -> Mapping[str, Content]:
        """The plain way: save whole images, and load what the nodes lack, or all of it.

        Raises:
            DeliveryFailed: an image did not arrive.
        """
        from kubetasks.images import archive  # noqa: PLC0415

        progress(f"saving {', '.join(wanted)}")
        self._checked(self.runner.run(docker.save(list(wanted), str(path)), timeout=600, check=False))
        with contextlib.suppress(ToolError, OSError, tarfile.TarError):
            without = archive.spare(path, self.nodes.content())
            if without:
                progress(f"importing the new layers into {', '.join(self.nodes.names)}")
                self.nodes.load(lambda out: archive.thin(path, without, out))
                there, lost = self.nodes.arrived(wanted)
                if not lost:
                    return there
        progress(f"loading whole images into {', '.join(self.nodes.names)}")
        self._checked(self.runner.run(self.load_whole(str(path)), timeout=600, check=False))
        there, lost = self.nodes.arrived(wanted)
        if lost:
            raise DeliveryFailed(
                f"{len(lost)} of {len(wanted) * len(self.nodes.names)} images did not arrive",
                why=", ".join(lost),
                fix=f"see whether the nodes have space: docker exec {self.nodes.names[0]} df -h /var/lib/containerd",
            )
        return there

    def _checked(self, result: Result) -> None:
        if result.ok:
            return
        text = "\n".join(result.lines)
        if docker.is_disk_full(text):
            raise disk_full("no space left while bringing images to the nodes", text)
        raise DeliveryFailed(
            f"`{' '.join(result.argv[:3])}` exited with {result.code}",
            why=(result.lines or ["it printed nothing"])[-1],
            fix="run it again; what arrived is kept",
        )
