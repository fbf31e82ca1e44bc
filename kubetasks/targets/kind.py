"""The kind target: images are built on the host and brought into the nodes."""

import contextlib
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kubetasks.errors import DeliveryFailed, ToolError
from kubetasks.images.content import Content, identity
from kubetasks.images.engine import disk_full, inspect
from kubetasks.runner import Result
from kubetasks.targets.base import Progress
from kubetasks.targets.nodes import Nodes
from kubetasks.targets.on_cluster import OnCluster
from kubetasks.tools import ctr, docker

CONTEXT_PREFIX = "kind-"


@dataclass(frozen=True)
class KindTarget(OnCluster):
    """A kind cluster, whose context is ``kind-<name>``."""

    name: ClassVar[str] = "kind"
    pull_policy: ClassVar[str] = "Never"
    bundled_database: ClassVar[bool] = True

    @property
    def kind_name(self) -> str:
        """The cluster's name as kind knows it."""
        return self.cluster.context.removeprefix(CONTEXT_PREFIX)

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """What every node has under these names.

        Raises:
            EngineDown: the engine does not answer.
            ClusterUnreachable: no node runs.
        """
        return Nodes.of(self.runner, self.kind_name).contents(references) if references else {}

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Bring images into every node: only the layers that they lack, whole images where that does not work.

        Raises:
            DeliveryFailed: an image did not arrive.
            DiskFull: no space left.
            EngineDown: the engine does not answer.
            ClusterUnreachable: no node runs.
        """
        if not references:
            return {}
        nodes = Nodes.of(self.runner, self.kind_name)
        held = inspect(references, self.runner)
        wanted = {each: {identity(held[each])} if each in held else set() for each in references}
        with tempfile.TemporaryDirectory(prefix="kubetasks-") as name:
            folder = Path(name)
            there: Mapping[str, Content] = {}
            if len(held) == len(wanted):
                there = self._push(nodes, {each: held[each].id for each in wanted}, wanted, folder, progress)
            if not there:
                there = self._save(nodes, wanted, folder / "images.tar", progress)
        return there

    def _push(
        self, nodes: Nodes, ids: Mapping[str, str], wanted: Mapping[str, set[str]], folder: Path, progress: Progress
    ) -> Mapping[str, Content]:
        """Let the engine push to us what the nodes lack, and import that. Empty when it did not work.

        It does not where the engine runs elsewhere and our loopback is not its own (Docker Desktop, a remote engine).
        """
        from kubetasks.images import archive, sink  # noqa: PLC0415  (an HTTP server; most runs deliver nothing)

        with contextlib.suppress(ToolError, OSError, ValueError), sink.serve(folder, nodes.content()) as taken:
            roots: dict[str, str] = {}
            for reference, number in ids.items():
                progress(f"pushing the new layers of {reference}")
                root = self._push_one(reference, taken.port, taken.tags)
                if not archive.is_image(taken, root, number):
                    return {}
                roots[ctr.full_name(reference)] = root
            progress(f"importing {len(roots)} into {', '.join(nodes.names)}")
            nodes.load(lambda out: archive.write(taken, roots, out))
            there, lost = nodes.arrived(wanted)
            return {} if lost else there
        return {}

    def _push_one(self, reference: str, port: int, tags: dict[str, str]) -> str:
        """Push one image to our registry, and return the digest of its manifest; empty when it did not come.

        All go under one repository there: layers that they share are compressed and sent once.
        """
        repository, _, tag = reference.rpartition(":")
        name = f"{repository.rpartition('/')[2]}.{tag}"[:128]
        alias = f"127.0.0.1:{port}/{self.settings.images.repository.rpartition('/')[2]}:{name}"
        self.runner.run(docker.tag(reference, alias))
        try:
            self.runner.run(docker.push(alias), timeout=600)
        finally:
            self.runner.run(docker.rmi([alias]), check=False)
        return tags.get(name, "")

    def _save(
        self, nodes: Nodes, wanted: Mapping[str, set[str]], path: Path, progress: Progress
    ) -> Mapping[str, Content]:
        """The plain way: save whole images, and load what the nodes lack, or all of it.

        Raises:
            DeliveryFailed: an image did not arrive.
        """
        from kubetasks.images import archive  # noqa: PLC0415
        from kubetasks.tools import kind  # noqa: PLC0415

        progress(f"saving {', '.join(wanted)}")
        self._checked(self.runner.run(docker.save(list(wanted), str(path)), timeout=600, check=False))
        with contextlib.suppress(ToolError, OSError, tarfile.TarError):
            without = archive.spare(path, nodes.content())
            if without:
                progress(f"importing the new layers into {', '.join(nodes.names)}")
                nodes.load(lambda out: archive.thin(path, without, out))
                there, lost = nodes.arrived(wanted)
                if not lost:
                    return there
        progress(f"loading whole images into {', '.join(nodes.names)}")
        self._checked(self.runner.run(kind.load_archive(self.kind_name, str(path)), timeout=600, check=False))
        there, lost = nodes.arrived(wanted)
        if lost:
            raise DeliveryFailed(
                f"{len(lost)} of {len(wanted) * len(nodes.names)} images did not arrive",
                why=", ".join(lost),
                fix=f"see whether the nodes have space: docker exec {nodes.names[0]} df -h /var/lib/containerd",
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
