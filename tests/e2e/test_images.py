"""What is in the images: no more than it takes, and that works."""

import json
import subprocess

import pytest

from tests.checkout import Checkout
from tests.e2e.conftest import OFFLINE, need

MODEL = {"KUBETASKS_SERVICES_BACKEND_BUILD_ARGS_EXTRA": "model"}


def built(checkout: Checkout, env: dict[str, str]) -> dict[str, str]:
    """Service to image, built."""
    checkout.inv("image.build", env=env)
    rows = json.loads(checkout.inv("image.list", "--json", env=env))
    assert {row["built"] for row in rows} == {"yes"}
    return {row["service"]: row["image"] for row in rows}


def docker(*words: str, code: int = 0) -> str:
    program = need("docker", "https://docs.docker.com/get-docker/, or docker/offline/up")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.strip()


def megabytes(image: str) -> float:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6


def python(image: str, code: str) -> str:
    """What a line of Python prints in a container that may as little as a pod."""
    may = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none")
    return docker("run", "--rm", *may, image, "python", "-c", code)


def test_sizes(checkout: Checkout) -> None:
    plain, model = built(checkout, {}), built(checkout, MODEL)
    assert plain["frontend"] == model["frontend"]
    assert plain["backend"] != model["backend"]
    sizes = {name: megabytes(image) for name, image in (*plain.items(), ("model", model["backend"]))}
    # The limits are for the offline base; Debian's newer ones are a little larger.
    more = 1.0 if OFFLINE else 1.15
    assert sizes["backend"] <= 150 * more, sizes
    assert sizes["model"] <= 220 * more, sizes
    assert sizes["frontend"] <= 110 * more, sizes
    # The model's client is imported where it is, and nowhere else.
    assert python(model["backend"], "import agents; print('there')") == "there"
    assert python(plain["backend"], "import importlib.util as u; print(u.find_spec('agents'))") == "None"


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_nothing_but_python(checkout: Checkout, service: str) -> None:
    image = built(checkout, {})[service]
    assert python(image, "import os; print(os.getuid())") == "10001"
    programs = (
        "import os; print(*sorted(each.path for way in os.environ['PATH'].split(':') for each in os.scandir(way)))"
    )
    found = python(image, programs).split()
    assert "/usr/local/bin/python" in found
    assert [path for path in found if not path.rpartition("/")[2].startswith("python")] == []
    assert (
        python(image, "import importlib.util as u; print(u.find_spec('pip'), u.find_spec('ensurepip'))") == "None None"
    )
    assert python(image, "import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 50)") == "True"
    assert python(image, "import getpass; print(getpass.getuser())") == "todo"
    # Compiled, since nothing can be written there.
    assert python(image, "import os, argparse; print(os.path.exists(argparse.__cached__))") == "True"


def test_migrations_run_without_a_shell(checkout: Checkout) -> None:
    image = built(checkout, {})["backend"]
    database = ("--env", "DATABASE_URL=sqlite:////tmp/app.db", "--tmpfs", "/tmp")
    said = docker("run", "--rm", "--read-only", *database, image, "python", "-m", "app.backend.migrate")
    assert "the database went from revision none to" in said
    docker("run", "--rm", image, "sh", "-c", "true", code=127)
