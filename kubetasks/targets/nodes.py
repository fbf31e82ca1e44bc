"""The nodes of a kind cluster: containers with a containerd inside, reached through ``docker exec``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Final

from kubetasks.errors import ClusterUnreachable, ToolFailed
from kubetasks.images.build import disk_full, engine_down
from kubetasks.runner import Runner
from kubetasks.tools import ctr, docker

CLUSTER_LABEL: Final = "io.x-k8s.kind.cluster"
ROLE_LABEL: Final = "io.x-k8s.kind.role"
# A cluster with several control planes has a load balancer beside its nodes; no image is run there.
NO_NODE: Final = "external-load-balancer"


@dataclass(frozen=True)
class Nodes:
    """Every node of one kind cluster.

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
        result = runner.run(docker.ps(f"{CLUSTER_LABEL}={cluster}", ROLE_LABEL), timeout=30, check=False)
        if not result.ok:
            raise engine_down(result.stderr)
        names = tuple(sorted(name for name, role in docker.parse_ps(result.stdout).items() if role != NO_NODE))
        if not names:
            raise ClusterUnreachable(
                f"kind cluster {cluster} has no running node", fix="make it: inv cluster.up --target kind"
            )
        return cls(runner, names)

    def _run(self, node: str, argv: Sequence[str], *, check: bool = True) -> str:
        return self.runner.run(docker.execute(node, argv), timeout=60, check=check).stdout

    def missing(self, references: Sequence[str]) -> list[str]:
        """Those references that a node does not list, in their order."""
        short: set[str] = set()
        for node in self.names:
            there = set(self._run(node, ctr.images_ls()).split())
            short |= {reference for reference in references if ctr.full_name(reference) not in there}
        return [reference for reference in references if reference in short]

    def incomplete(self, references: Sequence[str]) -> list[str]:
        """Those references that a node does not have whole and unpacked, as ``reference on node``."""
        names = {reference: ctr.full_name(reference) for reference in references}
        found: list[str] = []
        for node in self.names:
            whole = ctr.parse_check(self._run(node, ctr.images_check(list(names.values())), check=False))
            found += [f"{reference} on {node}" for reference, name in names.items() if name not in whole]
        return found

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
