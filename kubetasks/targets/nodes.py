"""Nodes that are containers with a containerd inside, reached through ``docker exec``."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from kubetasks.errors import ClusterUnreachable, ToolFailed
from kubetasks.images.content import CONFIG, LABEL, MANIFEST, Content, agree, common
from kubetasks.images.engine import disk_full, engine_down
from kubetasks.runner import Runner
from kubetasks.tools import ctr, docker
from kubetasks.tools.kind import CLUSTER_LABEL

ROLE_LABEL: Final = "io.x-k8s.kind.role"
# A cluster with several control planes has a load balancer beside its nodes; no image is run there.
NO_NODE: Final = "external-load-balancer"


@dataclass(frozen=True)
class Nodes:
    """Every node of one cluster.

    Args:
        runner: starts docker.
        names: the nodes' container names.
    """

    runner: Runner
    names: tuple[str, ...]

    @classmethod
    def of(cls, runner: Runner, cluster: str) -> "Nodes":
        """The running nodes of a kind cluster.

        Raises:
            EngineDown: the engine does not answer.
            ClusterUnreachable: no node runs.
        """
        found = cls.labelled(runner, f"{CLUSTER_LABEL}={cluster}", ROLE_LABEL, lambda role: role != NO_NODE)
        if not found.names:
            raise ClusterUnreachable(
                f"kind cluster {cluster} has no running node", fix="make it: inv cluster.up --target kind"
            )
        return found

    @classmethod
    def labelled(cls, runner: Runner, label: str, role: str, is_node: Callable[[str], bool]) -> "Nodes":
        """The running containers with a label that are nodes; there may be none.

        Args:
            runner: starts docker.
            label: ``NAME=VALUE``, what all containers of the cluster have.
            role: the name of the label that says what a container is.
            is_node: whether a value of that label is a node's.

        Raises:
            EngineDown: the engine does not answer.
        """
        result = runner.run(docker.ps(label, role), timeout=30, check=False)
        if not result.ok:
            raise engine_down(result.stderr)
        held = docker.parse_ps(result.stdout)
        return cls(runner, tuple(sorted(name for name, value in held.items() if is_node(value))))

    def reachable(self) -> bool:
        """Whether every node is a running container of the engine, with a containerd that answers."""
        asked = (self.runner.run(docker.execute(each, ctr.version()), timeout=30, check=False) for each in self.names)
        return bool(self.names) and all(answer.ok for answer in asked)

    def spare(self, repositories: Collection[str], keep: Collection[str]) -> dict[str, list[str]]:
        """Node to the full names of the images of some repositories that it has and that are not kept.

        Args:
            repositories: names without a tag.
            keep: references that stay.
        """
        own = {ctr.full_name(each) for each in repositories}
        kept = {ctr.full_name(each) for each in keep}
        found: dict[str, list[str]] = {}
        for node in self.names:
            listed = self._run(node, ctr.image_names(), check=False).split()
            old = [name for name in listed if name.rpartition(":")[0] in own and name not in kept]
            if old:
                found[node] = sorted(old)
        return found

    def remove(self, spare: Mapping[str, Sequence[str]]) -> list[str]:
        """Remove what ``spare`` lists; the names that are gone from every node that had them."""
        for node, names in spare.items():
            self._run(node, ctr.remove(names), check=False)
        there = {name for node in spare for name in self._run(node, ctr.image_names(), check=False).split()}
        return sorted({name for names in spare.values() for name in names} - there)

    def _run(self, node: str, argv: Sequence[str], *, check: bool = True) -> str:
        return self.runner.run(docker.execute(node, argv), timeout=60, check=check).stdout

    def contents(self, references: Sequence[str]) -> dict[str, Content]:
        """What every node has under these names, complete and unpacked; without those on which nodes disagree."""
        return self._common(references, self._by_node(references))

    def arrived(self, wanted: Mapping[str, Collection[str]]) -> tuple[dict[str, Content], list[str]]:
        """What every node has, and what did not arrive, as ``reference on node``.

        Args:
            wanted: reference to the identities of what is to be there.
        """
        by_node = self._by_node(list(wanted))
        lost = [
            f"{reference} on {node}"
            for node, held in by_node.items()
            for reference, identities in wanted.items()
            if reference not in held or not agree(identities, held[reference].identities)
        ]
        return self._common(list(wanted), by_node), lost

    def _by_node(self, references: Sequence[str]) -> dict[str, dict[str, Content]]:
        return {node: self._held(node, references) for node in self.names}

    @staticmethod
    def _common(references: Sequence[str], by_node: Mapping[str, Mapping[str, Content]]) -> dict[str, Content]:
        found = {reference: common(held.get(reference) for held in by_node.values()) for reference in references}
        return {reference: content for reference, content in found.items() if content is not None}

    def _held(self, node: str, references: Sequence[str]) -> dict[str, Content]:
        names = {reference: ctr.full_name(reference) for reference in references}
        there = ctr.parse_images(self._run(node, ctr.images(list(names.values())), check=False))
        return {reference: _content(there[name]) for reference, name in names.items() if name in there}

    def content(self) -> dict[str, int]:
        """Digest to size of the blobs that every node has."""
        held = [ctr.parse_content(self._run(node, ctr.content(), check=False)) for node in self.names]
        return {digest: size for digest, size in held[0].items() if all(digest in other for other in held[1:])}

    def load(self, write: Callable[[IO[bytes]], None]) -> None:
        """Import an archive into every node.

        Args:
            write: writes the archive to what it is given; called for each node.

        Raises:
            ToolFailed: a node refused it.
            DiskFull: a node has no space left.
        """
        for node in self.names:
            argv = docker.execute(node, ctr.images_import(), stdin=True)
            with self.runner.spawn(argv, stdin=True, merge=True) as process:
                gone = False
                if process.stdin is not None:
                    try:
                        write(process.stdin)
                        process.stdin.close()
                    except BrokenPipeError:  # it ended early; what it printed says why
                        gone = True
                text = process.stdout.read().decode(errors="replace") if process.stdout is not None else ""
                code = process.wait(300)
            if docker.is_disk_full(text):
                raise disk_full(f"no space left on node {node}", text)
            if code != 0 or gone:
                raise ToolFailed(
                    f"node {node} refused an image", why=(text.strip().splitlines() or ["it said nothing"])[-1]
                )


def _content(held: ctr.Held) -> Content:
    identities = {f"{MANIFEST}:{each}" for each in held.manifests} | {f"{CONFIG}:{each}" for each in held.configs}
    return Content(frozenset(identities), held.labels.get(LABEL, ""))
