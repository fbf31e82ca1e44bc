"""What a Dockerfile says of running its image, and where the image's files come from."""

from pathlib import Path

import pytest

from kubetasks.images.runtime import Runtime, read

FASTAPI = """
FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 \\
    APP_HOME=/app
WORKDIR $APP_HOME
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
EXPOSE 8000
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
"""


def test_a_usual_one() -> None:
    found = read(FASTAPI, {})
    assert found.workdir == "/app"
    assert found.entrypoint is None
    assert found.cmd == ("uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000")
    assert found.env == {"PYTHONUNBUFFERED": "1", "APP_HOME": "/app"}
    assert found.copies == (("requirements.txt", "/app/"), (".", "/app/"))


@pytest.mark.parametrize(
    ("text", "entrypoint", "cmd"),
    [
        ("FROM a\nCMD node server.js", None, ("/bin/sh", "-c", "node server.js")),
        ('FROM a\nSHELL ["/bin/bash", "-c"]\nCMD echo $X', None, ("/bin/bash", "-c", "echo $X")),
        ('FROM a\nENTRYPOINT ["python"]\nCMD ["app.py"]', ("python",), ("app.py",)),
        ('FROM a\nCMD ["app.py"]\nENTRYPOINT ["python"]', ("python",), ("app.py",)),
        # ENTRYPOINT drops the CMD of the stage it begins with.
        ('FROM a AS b\nCMD ["x"]\nFROM b\nENTRYPOINT ["y"]', ("y",), None),
        ('FROM a AS b\nCMD ["x"]\nFROM b', None, ("x",)),
        ('FROM a AS b\nCMD ["x"]\nFROM scratch\nCMD []', None, ()),
        # The last one counts; JSON that is broken is the shell form.
        ('FROM a\nCMD ["x"]\nCMD ["y"]', None, ("y",)),
        ("FROM a\nCMD ['x']", None, ("/bin/sh", "-c", "['x']")),
        ("FROM a", None, None),
        ("", None, None),
    ],
)
def test_commands(text: str, entrypoint: tuple[str, ...] | None, cmd: tuple[str, ...] | None) -> None:
    found = read(text, {})
    assert (found.entrypoint, found.cmd or None) == (entrypoint, cmd or None)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("FROM a", "/"),
        ("FROM a\nWORKDIR /x\nWORKDIR y", "/x/y"),
        ("FROM a\nARG D=/srv\nWORKDIR ${D}/app", "/srv/app"),
        ("FROM a AS b\nWORKDIR /x\nFROM b", "/x"),
        ("FROM a AS b\nWORKDIR /x\nFROM c", "/"),
        ('FROM a\nWORKDIR "/with quotes"', "/with quotes"),
    ],
)
def test_working_directories(text: str, path: str) -> None:
    assert read(text, {}).workdir == path
    assert read(text, {"D": "/srv"}).workdir == path


def test_a_build_argument_goes_before_its_default() -> None:
    text = "FROM a\nARG PORT=80\nENV PORT=$PORT OTHER=${PORT}1"
    assert read(text, {"PORT": "90"}).env == {"PORT": "90", "OTHER": "901"}
    assert read("FROM a\nENV OLD some text", {}).env == {"OLD": "some text"}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in ("src/main.py", "src/web/page.html", "server.js", "bin/run.sh"):
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("copies", "path", "wanted"),
    [
        ("COPY . /app", "/app", "."),
        ("COPY . /app", "/app/src/web", "src/web"),
        ("COPY src /app", "/app", "src"),
        ("COPY src/ /app/", "/app/main.py", "src/main.py"),
        ("COPY src /app/src", "/app", "."),
        ("COPY ./src ./src", "/", "."),
        ("COPY server.js /app/", "/app", "."),
        ("COPY server.js /app/server.js", "/app/server.js", "server.js"),
        ("COPY server.js /app/other.js", "/app/other.js", "server.js"),
        ("COPY server.js /app/other.js", "/app", None),
        ("COPY bin/run.sh /usr/local/bin/run", "/usr/local/bin/run", "bin/run.sh"),
        ("COPY bin/run.sh server.js /opt/", "/opt/run.sh", "bin/run.sh"),
        ("COPY --chown=1:1 src /app", "/app", "src"),
        # The last one wins.
        ("COPY src /app\nCOPY . /app", "/app", "."),
        ("COPY . /app", "/srv", None),
        ("COPY . /app", "/application", None),
        ("COPY missing /app", "/app", None),
        ("COPY --from=node:20 /app /app", "/app", None),
        ("COPY <<EOF /app/x\nhello\nEOF", "/app", None),
    ],
)
def test_where_files_come_from(context: Path, copies: str, path: str, wanted: str | None) -> None:
    found = read(f"FROM a\n{copies}\n", {}).source(path, context)
    assert found == (None if wanted is None else context / wanted)


def test_files_that_an_earlier_stage_copied(context: Path) -> None:
    text = "FROM a AS build\nWORKDIR /src\nCOPY src ./site\nFROM b\nCOPY --from=build /src/site /srv/www\n"
    assert read(text, {}).source("/srv/www/main.py", context) == context / "src/main.py"


def test_a_context_that_is_the_package_itself(context: Path) -> None:
    # `python -m src` needs the folder above the package.
    assert read("FROM a\nCOPY . /srv/src\n", {}).source("/srv", context / "src") == context


def test_nothing_is_known_of_an_image_without_a_dockerfile(context: Path) -> None:
    assert Runtime().source("/", context) is None
