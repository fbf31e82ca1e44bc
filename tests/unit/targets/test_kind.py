"""The kind target, and the ways by which images get into its nodes."""

import hashlib
import http.client
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubetasks.errors import DeliveryFailed, DiskFull, EngineDown
from kubetasks.images.content import Content
from kubetasks.settings import load
from kubetasks.targets.base import Cluster, Target
from kubetasks.targets.kind import KindTarget
from kubetasks.targets.kubectl_store import KubectlStore
from tests.recording import Answer, Call, RecordingRunner

SETTINGS = load({"project": "shop"}, environ={})
CLUSTER = Cluster("kind-c", "shop", "https://127.0.0.1:1")
REFERENCE = "kubetasks/shop-api:1"
FULL = "docker.io/kubetasks/shop-api:1"
BASE = b"the base layer, which the node has"
LAYER = b"the new layer"
CONFIG = b'{"rootfs": {}}'
NODE = ("docker", "exec", "c-control-plane")
OTHER = b"a manifest"
HOSTING = ("kubectl", "--context", "kind-c", "--namespace", "kube-public")


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Engine:
    """Stands for the engine and the node: pushes as docker does, and lists what was imported."""

    present: dict[str, int] = field(default_factory=lambda: {sha(BASE): len(BASE)})
    identity: str = sha(CONFIG)
    # What the node has under the name afterwards.
    on_node: str = sha(CONFIG)
    whole: bool = True
    # Which way makes the image whole: an import, or kind's own.
    by: str = "import"
    pushed: list[str] = field(default_factory=list)
    arrived: bool = False
    runner: RecordingRunner = field(default_factory=RecordingRunner)

    def __post_init__(self) -> None:
        answers: dict[tuple[str, ...], Answer] = {
            ("docker", "ps"): "c-control-plane control-plane\n",
            ("docker", "image", "inspect"): json.dumps({"Id": self.identity, "RepoTags": [REFERENCE]}) + "\n",
            ("docker", "tag"): "",
            ("docker", "rmi"): "",
            ("docker", "push"): self.push,
            ("docker", "save"): self.save,
            ("docker", "exec", "-i"): self.load,
            (*NODE, "sh"): lambda call: self.check(call) if "images check" in call.argv[-1] else self.content(call),
            ("kind", "load"): self.kind_load,
            HOSTING: '{"items": []}',
        }
        self.runner.answers.update(answers)

    def content(self, call: Call) -> str:
        sizes = "".join(f"{digest.removeprefix('sha256:')} {size}\n" for digest, size in self.present.items())
        return "".join(f"{digest}\n" for digest in self.present) + "\n" + sizes

    def check(self, call: Call) -> str:
        other = "docker.io/library/other:1"
        if not self.arrived:
            return f"{other} type {sha(OTHER)} complete (3/3) 1 MiB/1 MiB true\n" if other in call.argv[-1] else ""
        documents = {sha(OTHER): {"config": {"digest": self.on_node}}, self.on_node: {"config": {"Labels": {"a": "b"}}}}
        lines = "".join(f"{digest} {json.dumps(document)}\n" for digest, document in documents.items())
        return f"{FULL} type {sha(OTHER)} complete (3/3) 1 MiB/1 MiB true\n{lines}"

    def load(self, call: Call) -> str:
        self.arrived = self.whole and self.by == "import"
        return "unpacking\n"

    def kind_load(self, call: Call) -> str:
        self.arrived = self.whole
        return ""

    def push(self, call: Call) -> str | tuple[int, str, str]:
        registry, _, rest = call.argv[-1].partition("/")
        repository, _, tag = rest.partition(":")
        connection = http.client.HTTPConnection(registry, timeout=10)

        def ask(method: str, path: str, body: bytes = b"") -> http.client.HTTPResponse:
            connection.request(method, path, body, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"})
            response = connection.getresponse()
            response.read()
            return response

        for blob in (BASE, LAYER, CONFIG):
            if ask("HEAD", f"/v2/{repository}/blobs/{sha(blob)}").status == 200:
                continue
            self.pushed.append(sha(blob))
            place = ask("POST", f"/v2/{repository}/blobs/uploads/").getheader("Location")
            assert ask("PUT", f"{place}?digest={sha(blob)}", blob).status == 201
        manifest = {"config": {"digest": sha(CONFIG)}, "layers": [{"digest": sha(BASE)}, {"digest": sha(LAYER)}]}
        assert ask("PUT", f"/v2/{repository}/manifests/{tag}", json.dumps(manifest).encode()).status == 201
        connection.close()
        return ""

    def save(self, call: Call) -> str:
        with tarfile.open(call.argv[call.argv.index("-o") + 1], "w") as tar:
            for name, data in (
                ("oci-layout", b"{}"),
                (f"blobs/sha256/{sha(BASE).removeprefix('sha256:')}", BASE),
                (f"blobs/sha256/{sha(LAYER).removeprefix('sha256:')}", LAYER),
            ):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        return ""

    @property
    def target(self) -> KindTarget:
        return KindTarget(SETTINGS, self.runner, CLUSTER, "because")

    def deliver(self) -> list[str]:
        told: list[str] = []
        self.target.deliver([REFERENCE], told.append)
        assert told
        return [" ".join(argv[:2]) for argv in self.runner.argvs]


def names(archive: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {name.removeprefix("blobs/sha256/") for name in tar.getnames()}


def hex_of(data: bytes) -> str:
    return sha(data).removeprefix("sha256:")


def test_is_a_target() -> None:
    target: Target = Engine().target
    assert (target.name, target.pull_policy, target.bundled_database, target.reason) == (
        "kind",
        "Never",
        True,
        "because",
    )
    assert target.repository("api") == "kubetasks/shop-api"
    assert target.build_env() == {}
    assert target.cluster == CLUSTER
    assert target.store == KubectlStore(CLUSTER, Engine().target.runner) or isinstance(target.store, KubectlStore)


def test_preflight_asks_the_engine() -> None:
    runner = RecordingRunner({("docker", "version"): "20.10\n"})
    KindTarget(SETTINGS, runner, CLUSTER).preflight()
    assert runner.argvs == [["docker", "version", "--format", "{{.Server.Version}}"]]
    down = RecordingRunner({("docker", "version"): (1, "\n", "Cannot connect to the Docker daemon at x. Is it?")})
    with pytest.raises(EngineDown, match="Cannot connect to the Docker daemon at x"):
        KindTarget(SETTINGS, down, CLUSTER).preflight()


def test_contents() -> None:
    engine = Engine()
    assert engine.target.contents([REFERENCE, "other:1"]) == {
        "other:1": Content(frozenset({f"manifest:{sha(OTHER)}"}), "")
    }
    assert engine.runner.argvs[1][3] == "label=io.x-k8s.kind.cluster=c"
    assert engine.target.contents([]) == {}
    assert engine.target.own_engine


def test_tells_what_arrived() -> None:
    there = Engine().target.deliver([REFERENCE], lambda line: None)
    assert there == {REFERENCE: Content(frozenset({f"manifest:{sha(OTHER)}", f"config:{sha(CONFIG)}"}), "")}


def test_another_content_under_the_right_name_did_not_arrive() -> None:
    """Somebody else loaded an image of that name: the name is there, and the content is not."""
    with pytest.raises(DeliveryFailed, match="1 of 1 images did not arrive: kubetasks/shop-api:1 on c-control-plane"):
        Engine(on_node=sha(b"another")).deliver()


def test_an_image_that_the_engine_does_not_have_is_not_pushed() -> None:
    engine = Engine()
    engine.runner.answers["docker", "image", "inspect"] = (1, "", "No such image")
    engine.runner.answers["docker", "save"] = (1, "", "reference does not exist")
    with pytest.raises(DeliveryFailed, match="reference does not exist"):
        engine.deliver()
    assert ["docker", "push"] not in [argv[:2] for argv in engine.runner.argvs]


def test_brings_only_what_the_node_lacks() -> None:
    engine = Engine()
    calls = engine.deliver()
    assert engine.pushed == [sha(LAYER), sha(CONFIG)]
    assert "docker save" not in calls
    (archive,) = engine.runner.fed
    assert hex_of(LAYER) in names(archive)
    assert hex_of(BASE) not in names(archive)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        (item,) = json.load(index)["manifests"]
    assert item["annotations"] == {"io.containerd.image.name": FULL}
    alias = next(argv for argv in engine.runner.argvs if argv[1] == "tag")[3]
    assert alias.startswith("127.0.0.1:")
    assert alias.endswith("/kubetasks:shop-api.1")
    assert ["docker", "rmi", "--no-prune", alias] in engine.runner.argvs


def test_brings_everything_to_a_new_node() -> None:
    engine = Engine(present={})
    engine.deliver()
    assert engine.pushed == [sha(BASE), sha(LAYER), sha(CONFIG)]


def test_nothing_to_bring_starts_nothing() -> None:
    engine = Engine()
    engine.target.deliver([], lambda line: None)
    assert engine.runner.argvs == []


@pytest.mark.parametrize("refusal", [(1, "", "connection refused"), (0, "", "")])
def test_saves_where_our_loopback_is_not_the_engines(refusal: Answer) -> None:
    engine = Engine()
    engine.runner.answers["docker", "push"] = refusal
    calls = engine.deliver()
    assert "kind load" not in calls
    (archive,) = engine.runner.fed
    assert hex_of(LAYER) in names(archive)
    assert hex_of(BASE) not in names(archive)
    assert [argv[:2] for argv in engine.runner.argvs].count(["docker", "rmi"]) == 1


def test_another_image_under_the_same_name_is_not_taken() -> None:
    engine = Engine(identity=sha(b"another"), on_node=sha(b"another"))
    assert "docker save" in engine.deliver()


def test_loads_whole_images_where_a_node_refuses_less() -> None:
    engine = Engine(by="kind")
    calls = engine.deliver()
    assert calls.count("docker save") == 1
    load = engine.runner.argvs[calls.index("kind load")]
    assert load[:3] == ["kind", "load", "image-archive"]
    assert load[4:] == ["--name", "c"]
    assert Path(load[3]).name == "images.tar"
    assert not Path(load[3]).exists()


def test_says_what_did_not_arrive() -> None:
    with pytest.raises(DeliveryFailed, match="1 of 1 images did not arrive: kubetasks/shop-api:1 on c-control-plane"):
        Engine(whole=False).deliver()


@pytest.mark.parametrize(
    ("step", "printed", "error"),
    [
        (("docker", "save"), "write /tmp/x: no space left on device", DiskFull),
        (("docker", "save"), "Error response: reference does not exist", DeliveryFailed),
        (("kind", "load"), "ERROR: failed to load image: no space left on device", DiskFull),
        (("kind", "load"), 'ERROR: no nodes found for cluster "c"', DeliveryFailed),
    ],
)
def test_says_why_loading_failed(step: tuple[str, ...], printed: str, error: type[Exception]) -> None:
    engine = Engine(by="kind")
    engine.runner.answers[step] = (1, "", printed)
    with pytest.raises(error, match=printed.rpartition(": ")[2]):
        engine.deliver()
