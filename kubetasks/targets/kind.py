"""The kind target: images are built on the host and brought into the nodes."""

import contextlib
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kubetasks.errors import DeliveryFailed, ToolError
from kubetasks.images.build import disk_full
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

    def missing(self, references: Sequence[str]) -> list[str]:
        """Those references that some node does not have.

        Raises:
            EngineDown: the engine does not answer.
            ClusterUnreachable: no node runs.
        """
        return Nodes.of(self.runner, self.kind_name).missing(references) if references else []

    def deliver(self, references: Sequence[str], progress: Progress) -> None:
        """Bring images into every node: only the layers that they lack, whole images where that does not work.

        Raises:
            DeliveryFailed: an image did not arrive.
            DiskFull: no space left.
            EngineDown: the engine does not answer.
            ClusterUnreachable: no node runs.
        """
        if not references:
            return
        nodes = Nodes.of(self.runner, self.kind_name)
        with tempfile.TemporaryDirectory(prefix="kubetasks-") as name:
            folder = Path(name)
            if self._push(nodes, references, folder, progress):
                return
            self._save(nodes, references, folder / "images.tar", progress)
        lost = nodes.incomplete(references)
        if lost:
            raise DeliveryFailed(
                f"{len(lost)} of {len(references) * len(nodes.names)} images did not arrive",
                why=", ".join(lost),
                fix=f"see whether the nodes have space: docker exec {nodes.names[0]} df -h /var/lib/containerd",
            )

    def _push(self, nodes: Nodes, references: Sequence[str], folder: Path, progress: Progress) -> bool:
        """Let the engine push to us what the nodes lack, and import that; False when it did not work.

        It does not where the engine runs elsewhere and our loopback is not its own (Docker Desktop, a remote engine).
        """
        from kubetasks.images import archive, sink  # noqa: PLC0415  (an HTTP server; most runs deliver nothing)

        with contextlib.suppress(ToolError, OSError, ValueError):
            identities = self.runner.run(docker.image_inspect(references, "{{.Id}}")).stdout.split()
            with sink.serve(folder, nodes.content()) as taken:
                roots: dict[str, str] = {}
                for reference, identity in zip(references, identities, strict=True):
                    progress(f"pushing the new layers of {reference}")
                    root = self._push_one(reference, taken.port, taken.tags)
                    if not archive.is_image(taken, root, identity):
                        return False
                    roots[ctr.full_name(reference)] = root
                progress(f"importing {len(roots)} into {', '.join(nodes.names)}")
                nodes.load(lambda out: archive.write(taken, roots, out))
                return not nodes.incomplete(references)
        return False

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

    def _save(self, nodes: Nodes, references: Sequence[str], path: Path, progress: Progress) -> None:
        """The plain way: save whole images, and load what the nodes lack, or all of it."""
        from kubetasks.images import archive  # noqa: PLC0415
        from kubetasks.tools import kind  # noqa: PLC0415

        progress(f"saving {', '.join(references)}")
        self._checked(self.runner.run(docker.save(references, str(path)), timeout=600, check=False))
        with contextlib.suppress(ToolError, OSError, tarfile.TarError):
            without = archive.spare(path, nodes.content())
            if without:
                progress(f"importing the new layers into {', '.join(nodes.names)}")
                nodes.load(lambda out: archive.thin(path, without, out))
                if not nodes.incomplete(references):
                    return
        progress(f"loading whole images into {', '.join(nodes.names)}")
        self._checked(self.runner.run(kind.load_archive(self.kind_name, str(path)), timeout=600, check=False))

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
