"""docker: command lines, and what it prints."""

import json

import pytest

from kubetasks.tools import docker


def test_argv() -> None:
    assert docker.image_inspect(["a:1", "b:2"], "{{.Id}}") == [
        "docker",
        "image",
        "inspect",
        "--format",
        "{{.Id}}",
        "a:1",
        "b:2",
    ]
    assert docker.image_ls("a") == ["docker", "image", "ls", "--no-trunc", "--format", "{{json .}}", "a"]
    assert docker.save(["a:1", "b:2"], "/t/i.tar") == ["docker", "save", "-o", "/t/i.tar", "a:1", "b:2"]
    assert docker.tag("a:1", "r/a:1") == ["docker", "tag", "a:1", "r/a:1"]
    assert docker.push("r/a:1") == ["docker", "push", "r/a:1"]
    assert docker.rmi(["a:1"]) == ["docker", "rmi", "--no-prune", "a:1"]
    inspect = ["docker", "manifest", "inspect", "--verbose"]
    assert docker.manifest_inspect("a:1") == [*inspect, "a:1"]
    assert docker.manifest_inspect("a:1", insecure=True) == [*inspect, "--insecure", "a:1"]
    assert docker.server_version() == ["docker", "version", "--format", "{{.Server.Version}}"]
    assert docker.client_version("/x/docker") == ["/x/docker", "version", "--format", "{{.Client.Version}}"]
    assert docker.buildx_version() == ["docker", "buildx", "version"]
    assert docker.info() == ["docker", "info", "--format", "{{json .}}"]
    assert docker.ps("a=b", "c") == ["docker", "ps", "--filter", "label=a=b", "--format", '{{.Names}} {{.Label "c"}}']
    assert docker.execute("node", ["ls", "-l"]) == ["docker", "exec", "node", "ls", "-l"]
    assert docker.execute("node", ["cat"], stdin=True) == ["docker", "exec", "-i", "node", "cat"]


def test_build_argv() -> None:
    assert docker.build(
        "/usr/bin/docker", tag="a:1", dockerfile="/p/Dockerfile", context="/p/c", build_args={"A": "1", "B": ""},
        labels={"t": "x y"}, platform="linux/arm64",
    ) == [
        "/usr/bin/docker", "build", "--progress=plain", "-t", "a:1", "-f", "/p/Dockerfile", "--platform", "linux/arm64",
        "--build-arg", "A=1", "--build-arg", "B=", "--label", "t=x y", "/p/c",
    ]  # fmt: skip
    argv = docker.build("docker", tag="a:1", dockerfile="d", context="c", build_args={}, labels={}, cache=False)
    assert argv == ["docker", "build", "--progress=plain", "-t", "a:1", "-f", "d", "--no-cache", "c"]


def test_parses_what_it_prints() -> None:
    assert docker.parse_ps("one control-plane\ntwo \n\n") == {"one": "control-plane", "two": ""}
    rows = docker.parse_image_ls(
        '{"Repository":"a","Tag":"1","ID":"sha256:x","CreatedAt":"now","Size":"1MB"}\n'
        '{"Repository":"<none>","Tag":"<none>","ID":"sha256:y","CreatedAt":"now","Size":"1MB"}\n'
    )
    assert [(row.reference, row.id, row.created, row.size) for row in rows] == [("a:1", "sha256:x", "now", "1MB")]


def inspected(**more: object) -> str:
    row = {
        "Id": "sha256:1", "RepoTags": ["a:1"], "Os": "linux", "Architecture": "amd64", "Created": "2026",
        "RootFS": {"Layers": ["sha256:2"]}, "Config": {"Labels": {"a": "b"}, "Env": ["A=1"], "Hostname": "x"}, **more,
    }  # fmt: skip
    return json.dumps(row) + "\n"


def test_inspected_images() -> None:
    (found,) = docker.parse_inspect(f"\n{inspected()}")
    assert (found.id, found.is_manifest, found.tags, found.labels, found.platform) == (
        "sha256:1", False, ("a:1",), {"a": "b"}, "linux/amd64",
    )  # fmt: skip
    assert docker.parse_inspect(inspected(Descriptor={"digest": "sha256:1"}))[0].is_manifest
    (bare,) = docker.parse_inspect('{"Id": "sha256:1", "RepoTags": null, "Config": null}\n')
    assert (bare.tags, bare.labels) == ((), {})


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"Id": "sha256:9", "Created": "2027", "RootFS": {"Layers": ["sha256:3"]}}, True),
        ({"Config": {"Labels": {"a": "b"}, "Env": ["A=1"], "Hostname": "y", "Image": "sha256:7"}}, True),
        ({"Config": {"Labels": {"a": "b"}, "Env": ["A=2"]}}, False),
        ({"Architecture": "arm64"}, False),
    ],
)
def test_a_configuration_is_that_of_the_content(change: dict[str, object], same: bool) -> None:
    one, other = docker.parse_inspect(inspected() + inspected(**change))
    assert (one.configuration == other.configuration) is same
    assert one.layers == ("sha256:2",)


def test_manifests() -> None:
    one = {"Descriptor": {"digest": "sha256:1"}, "SchemaV2Manifest": {"config": {"digest": "sha256:2"}}}
    other = {"Descriptor": {"digest": "sha256:3"}, "OCIManifest": {"config": {"digest": "sha256:4"}}}
    assert docker.parse_manifest(json.dumps(one)) == ({"sha256:1"}, {"sha256:2"})
    assert docker.parse_manifest(json.dumps([one, other])) == ({"sha256:1", "sha256:3"}, {"sha256:2", "sha256:4"})
    assert docker.parse_manifest("{}") == docker.parse_manifest("no such manifest") == (set(), set())


@pytest.mark.parametrize(
    ("version", "major"), [("28.2.2", 28), ("20.10.24+dfsg1\n", 20), ("v19.03", 19), ("", 0), ("<no value>", 0)]
)
def test_major(version: str, major: int) -> None:
    assert docker.parse_major(version) == major


@pytest.mark.parametrize(
    "text",
    [
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        'error during connect: this error may indicate that the docker daemon is not running: Get "http://..."',
        "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
        "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
        "failed to connect to the docker API at npipe:////./pipe/docker_engine",
    ],
)
def test_recognises_an_engine_that_is_down(text: str) -> None:
    assert docker.is_down(text)
    assert not docker.is_disk_full(text)


def test_recognises_other_troubles() -> None:
    assert docker.is_disk_full("failed to copy: write /var/lib/x: No space left on device")
    assert not docker.is_down("Error: No such image: a:1")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("#5 [build 2/2] RUN pip install", "[build 2/2] RUN pip install"),
        ("#5 0.612 Collecting fastapi", "Collecting fastapi"),
        ("#5 ERROR: executor failed", "ERROR: executor failed"),
        ("#5 DONE 3.0s", ""),
        ("#6 CACHED", ""),
        ("#6 sha256:abc 1MB / 2MB", ""),
        ("#1 [internal] load build context", ""),
        ("#1 transferring context: 2B done", ""),
        ("#8 exporting layers 0.1s done", ""),
        ("#8 writing image sha256:1 done", ""),
        ("#8 naming to docker.io/x done", ""),
        ("#8 ...", ""),
        ("#8", ""),
        ("------", ""),
        ("", ""),
    ],
)
def test_shows_what_a_person_wants_to_see(line: str, shown: str) -> None:
    assert docker.progress_line(line) == shown


def test_build_error() -> None:
    assert docker.build_error([]) == ""
    assert docker.build_error(["a", "last words", ""]) == "last words"
    assert docker.build_error(["#9 ERROR: executor failed running [x]: exit code: 1", "---", "tail"]).startswith(
        "executor"
    )
