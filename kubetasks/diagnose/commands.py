"""Commands: the program that was meant, and the fix for one that the image does not have."""

import re
import shlex
from typing import Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back
from kubetasks.diagnose.views import Container
from kubetasks.diagnose.words import is_slip, nearest

# Programs that images start, for a misspelt one.
PROGRAMS: Final = (
    "python",
    "python3",
    "pip",
    "sh",
    "bash",
    "ash",
    "dash",
    "sleep",
    "cat",
    "echo",
    "env",
    "tail",
    "wget",
    "curl",
    "nc",
    "node",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "deno",
    "bun",
    "java",
    "ruby",
    "rails",
    "rake",
    "bundle",
    "php",
    "php-fpm",
    "perl",
    "dotnet",
    "go",
    "nginx",
    "httpd",
    "apache2",
    "apache2-foreground",
    "caddy",
    "haproxy",
    "envoy",
    "traefik",
    "gunicorn",
    "uvicorn",
    "hypercorn",
    "flask",
    "django-admin",
    "celery",
    "alembic",
    "pytest",
    "redis-server",
    "redis-cli",
    "postgres",
    "psql",
    "pg_isready",
    "mysqld",
    "mysql",
    "mongod",
    "mongosh",
    "rabbitmq-server",
    "memcached",
    "kubectl",
    "helm",
    "tini",
    "dumb-init",
    "supervisord",
    "crond",
    "date",
    "ls",
    "mkdir",
    "cp",
    "mv",
    "rm",
    "tar",
    "openssl",
    "git",
    "make",
    "true",
    "false",
    "test",
    "timeout",
    "nslookup",
    "dig",
    "ping",
    "busybox",
    "stress",
    "stress-ng",
)
SHELL_SYNTAX: Final = re.compile(r"[;&|<>$`]|\bwhile\b|\bfor\b|\bcd\b|\bexport\b")


def words_of(container: Container) -> list[tuple[str, str]]:
    """Path below the container and text of each word of its command and arguments."""
    found = []
    for part in ("command", "args"):
        found += [(f"{part}/{index}", str(word)) for index, word in enumerate(container.spec.get(part) or ())]
    return found


def missing(world: World, workload: Workload, container: Container, program: str) -> tuple[str, Fix]:
    """The cause, without the workload's name, and the fix for a program that the image does not have."""
    place = workload.where(container.name)
    words_given = words_of(container)
    if place is None:
        return f"{program} is not in the image", words("correct the container's command")
    at = f"{place[0]}/{place[1]}"
    if re.search(r"\s", program.strip()) and words_given:
        return _one_string(world, workload, at, words_given[0], program)
    near = nearest(program.rpartition("/")[2], PROGRAMS)
    if near.typo or (near and is_slip(program, near.name)):
        right = program[: len(program) - len(program.rpartition("/")[2])] + near.name
        steps: list[Step] = [
            ("replace", f"{at}/{path}", re.sub(rf"(?<![\w-]){re.escape(program)}(?![\w-])", right, text))
            for path, text in words_given
            if re.search(rf"(?<![\w-]){re.escape(program)}(?![\w-])", text)
        ]
        if steps:
            return f"command {program} is not in the image; nearest is {right}", change(
                world, workload, f"start {right}", steps
            )
    before = back(world, workload)
    return f"command {program} is not in the image {container.image}{near.hint if near.typo else ''}", before or words(
        f"correct the command of container {container.name}, or use an image that has {program}"
    )


def _one_string(world: World, workload: Workload, at: str, word: tuple[str, str], program: str) -> tuple[str, Fix]:
    """A whole command line given as one word: Kubernetes takes it for the name of a file."""
    path, text = word
    part = path.partition("/")[0]
    try:
        split = ["sh", "-c", text] if SHELL_SYNTAX.search(text) else shlex.split(text)
    except ValueError:
        split = ["sh", "-c", text]
    cause = f'{part} is one word, "{program}": each argument must be a separate item'
    return cause, change(world, workload, "make each argument a separate item", [("replace", f"{at}/{part}", split)])
