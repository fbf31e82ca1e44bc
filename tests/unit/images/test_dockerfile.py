"""What a Dockerfile names."""

import pytest

from kubetasks.images.dockerfile import expand, read

A = "FROM a\n"


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("FROM python:3.11-slim\n", ["python:3.11-slim"]),
        ("from python\n", ["python"]),
        ("FROM --platform=$BUILDPLATFORM python AS build\nFROM build\nFROM BUILD AS c\n", ["python"]),
        ("FROM scratch\n", []),
        ("ARG BASE_IMAGE=x\nFROM ${BASE_IMAGE}\n", ["given"]),
        ("ARG OTHER=x\nFROM $OTHER\n", ["x"]),
        ("ARG OTHER\nFROM ${OTHER:-y}-slim\n", ["y-slim"]),
        ("ARG VERSION=3\nARG OTHER=python:$VERSION\nFROM $OTHER\n", ["python:3"]),
        ("FROM a\nCOPY --from=nginx:1 /x /y\nCOPY --from=0 /x /y\n", ["a", "nginx:1"]),
        ("FROM a AS b\nFROM c\nCOPY --from=b /x /y\n", ["a", "c"]),
        ("FROM a\nRUN --mount=type=bind,from=tools,target=/t --mount=type=cache,target=/c make\n", ["a", "tools"]),
        ("# syntax=docker/dockerfile:1\n# escape=`\nFROM `\n  python\n", ["python"]),
        ("FROM \\\n# a comment within\n\n  python\n", ["python"]),
        ("# FROM no\nFROM a\nRUN <<EOF\nFROM no\nEOF\nRUN <<-'END' cat\n\tFROM no\n\tEND\nFROM b\n", ["a", "b"]),
        ('FROM a\nRUN echo FROM b\nLABEL x="FROM c"\n', ["a"]),
        ("FROM a@sha256:1\n", ["a@sha256:1"]),
        ("\ufeffFROM a\r\nFROM b\r\n", ["a", "b"]),
        ("FROM a\nFROM a\n", ["a"]),
        ("", []),
    ],
)
def test_bases(text: str, bases: list[str]) -> None:
    assert list(read(text, {"BASE_IMAGE": "given"}).bases) == bases


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("COPY . .\n", ["."]),
        ("COPY .env /x/\n", [".env"]),
        ("COPY ./a/../.env b c /x/\n", [".env", "b", "c"]),
        ("COPY /.env /x\n", [".env"]),
        ('COPY [".env", "with blank", "/x"]\n', [".env", "with blank"]),
        ('COPY --chown=1:1 --chmod=600 ".env" /x\n', [".env"]),
        ("COPY --from=other .env /x\n", []),
        ("ADD https://example.org/x git@github.com:a/b.git .env /x\n", [".env"]),
        ("ARG FILE=.env\nCOPY $FILE /x\n", [".env"]),
        ("ENV FILE .env\nCOPY ${FILE} /x\n", [".env"]),
        ("ENV A=b FILE='.env'\nCOPY ${FILE} /x\n", [".env"]),
        ("RUN --mount=type=bind,source=.env,target=/e cat /e\n", [".env"]),
        ("RUN --mount=src=.env,target=/e cat /e\n", [".env"]),
        ("RUN --mount=type=secret,id=x,source=.env cat\n", []),
        ("COPY <<EOF /x\n.env\nEOF\n", []),
        ("ONBUILD COPY .env /x\n", [".env"]),
        ("COPY .env*\\\n  /x\n", [".env*"]),
        ("RUN cp .env /x\n", []),
    ],
)
def test_paths(text: str, paths: list[str]) -> None:
    assert list(read(A + text, {}).paths) == paths


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A", "1"), ("${A}b", "1b"), ("$Ab", ""), ("${B:-x}", "x"), ("${E:-x}", "x"), ("${E-x}", ""), ("${B-x}", "x"),
        ("${A:+x}", "x"), ("${B:+x}", ""), ("${E+x}", "x"), (r"\$A", "$A"), ("${B:-$A}", "1"), ("plain", "plain"),
    ],
)  # fmt: skip
def test_variables(text: str, value: str) -> None:
    assert expand(text, {"A": "1", "E": ""}) == value
