"""Docker's .dockerignore rules. The tables are those of moby/patternmatcher's own tests, as our cases."""

from pathlib import Path

import pytest

from kubetasks.images.ignore import BadPattern, Ignore, clean, find, read

WHEEL = "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl"

ONE = [
    ("**", "file", True),
    ("**/", "file", True),
    ("**", "dir/file", True),
    ("**/", "dir/file", True),
    ("**/**", "dir/file", True),
    ("dir/**", "dir/file", True),
    ("dir/**", "dir/dir2/file", True),
    ("**/dir", "dir", True),
    ("**/dir", "dir/file", True),
    ("**/dir2/*", "dir/dir2/file", True),
    ("**/dir2/**", "dir/dir2/dir3/file", True),
    ("**file", "file", True),
    ("**file", "dir/file", True),
    ("**/file", "dir/file", True),
    ("**file", "dir/dir/file", True),
    ("**/file", "dir/dir/file", True),
    ("**/file*", "dir/dir/file", True),
    ("**/file*", "dir/dir/file.txt", True),
    ("**/file*txt", "dir/dir/file.txt", True),
    ("**/file*.txt", "dir/dir/file.txt", True),
    ("**/file*.txt*", "dir/dir/file.txt", True),
    ("**/**/*.txt", "dir/dir/file.txt", True),
    ("**/**/*.txt2", "dir/dir/file.txt", False),
    ("**/*.txt", "file.txt", True),
    ("**/**/*.txt", "file.txt", True),
    ("a**/*.txt", "a/file.txt", True),
    ("a**/*.txt", "a/dir/file.txt", True),
    ("a**/*.txt", "a/dir/dir/file.txt", True),
    ("a/*.txt", "a/dir/file.txt", False),
    ("a/*.txt", "a/file.txt", True),
    ("a/*.txt**", "a/file.txt", True),
    ("a[b-d]e", "ae", False),
    ("a[b-d]e", "ace", True),
    ("a[b-d]e", "aae", False),
    ("a[^b-d]e", "aze", True),
    (".*", ".foo", True),
    (".*", "foo", False),
    ("abc.def", "abcdef", False),
    ("abc.def", "abc.def", True),
    ("abc.def", "abcZdef", False),
    ("abc?def", "abcZdef", True),
    ("abc?def", "abcdef", False),
    ("a\\\\", "a\\", True),
    ("a\\*b", "a*b", True),
    ("**/foo/bar", "foo/bar", True),
    ("**/foo/bar", "dir/foo/bar", True),
    ("**/foo/bar", "dir/dir2/foo/bar", True),
    ("abc/**", "abc", False),
    ("abc/**", "abc/def", True),
    ("abc/**", "abc/def/ghi", True),
    ("**/.foo", ".foo", True),
    ("**/.foo", "bar.foo", False),
    ("a(b)c/def", "a(b)c/def", True),
    ("a(b)c/def", "a(b)c/xyz", False),
    ("a.|)$(}+{bc", "a.|)$(}+{bc", True),
    (WHEEL, WHEEL, True),
    ("dist/*.whl", WHEEL, True),
    # From Go's own tests of path.Match.
    ("abc", "abc", True),
    ("*", "abc", True),
    ("*c", "abc", True),
    ("a*", "a", True),
    ("a*", "abc", True),
    ("a*", "ab/c", True),
    ("a*/b", "abc/b", True),
    ("a*/b", "a/c/b", False),
    ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
    ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", False),
    ("a*b?c*x", "abxbbxdbxebxczzx", True),
    ("a*b?c*x", "abxbbxdbxebxczzy", False),
    ("ab[c]", "abc", True),
    ("ab[e-g]", "abc", False),
    ("ab[^c]", "abc", False),
    ("ab[^e-g]", "abc", True),
    ("a\\*b", "ab", False),
    ("a?b", "a☺b", True),
    ("a[^a]b", "a☺b", True),
    ("a???b", "a☺b", False),
    ("a[^a][^a][^a]b", "a☺b", False),
    ("[a-ζ]*", "α", True),  # noqa: RUF001
    ("*[a-ζ]", "A", False),
    ("a?b", "a/b", False),
    ("a*b", "a/b", False),
    ("[\\]a]", "]", True),
    ("[\\-]", "-", True),
    ("[x\\-]", "x", True),
    ("[x\\-]", "-", True),
    ("[x\\-]", "z", False),
    ("[\\-x]", "a", False),
    ("*x", "xxx", True),
    # Ours: a folder takes everything below it along; a name in a folder is no pattern for the top.
    ("docs", "docs/a/b", True),
    ("docs/", "docs/a", True),
    ("/docs", "docs/a", True),
    ("a", "b/a", False),
    ("./a/../b", "b", True),
]  # fmt: skip

BAD = ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "!", "[Local-Only]/"]

SEVERAL = [
    (["!fileutils.go", "*.go"], "fileutils.go", True),
    (["docs", "!docs/README.md"], "docs/README.md", False),
    (["docs/", "!docs/README.md"], "docs/README.md", False),
    (["docs/*", "!docs/README.md"], "docs/README.md", False),
    (["*.go", "!fileutils.go"], "fileutils.go", False),
    (["**", "!util/docker/web"], "util/docker/web/foo", False),
    (["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", True),
    (["**", "!dist/*.whl"], "dist/proxy-1.whl", False),
    (["docs", "  !docs/README.md"], "docs/README.md", False),
    (["*", "!src"], "src/a.py", False),
    (["*", "!src", "**/*.pyc"], "src/a.pyc", True),
    ([], "any/path", False),
    ([""], "any", False),
]


@pytest.mark.parametrize(("pattern", "path", "ignored"), ONE)
def test_one_pattern(pattern: str, path: str, ignored: bool) -> None:
    assert Ignore(read(pattern)).ignores(path) is ignored


@pytest.mark.parametrize(("patterns", "path", "ignored"), SEVERAL)
def test_several_patterns(patterns: list[str], path: str, ignored: bool) -> None:
    assert Ignore(patterns).ignores(path) is ignored


@pytest.mark.parametrize("pattern", BAD)
def test_refuses_what_docker_refuses(pattern: str) -> None:
    with pytest.raises(BadPattern):
        Ignore([pattern])


def test_reads_an_ignore_file_as_docker_does() -> None:
    text = "\ufefftest1\r\n/test2\n/a/file/here\n\nlastfile\n# a comment\n"
    text += " ! /inverted/abs/path\n!\n! \n  spaced  \na\x0cb\n"
    assert read(text) == [
        "test1", "test2", "a/file/here", "lastfile", "!inverted/abs/path", "!", "!", "spaced", "a\x0cb",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("", "."),
        ("a//b/", "a/b"),
        ("./a", "a"),
        ("a/../b", "b"),
        ("/../a", "/a"),
        ("../a", "../a"),
        ("a/..", "."),
        ("/", "/"),
    ],
)
def test_cleans_paths_as_go_does(path: str, cleaned: str) -> None:
    assert clean(path) == cleaned


def test_the_dockerfiles_own_ignore_file_comes_first(tmp_path: Path) -> None:
    context, docker = tmp_path / "context", tmp_path / "docker"
    context.mkdir()
    docker.mkdir()
    assert find(docker / "Dockerfile", context) is None
    (context / ".dockerignore").touch()
    assert find(docker / "Dockerfile", context) == context / ".dockerignore"
    (docker / "Dockerfile.dockerignore").touch()
    assert find(docker / "Dockerfile", context) == docker / "Dockerfile.dockerignore"
