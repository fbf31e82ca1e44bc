#!/bin/sh
# Makes the environment that ./inv and ./nox share, then runs one of the two in it.
#
# usage: launch.sh inv|nox ARGUMENT...
#
# The environment is .venv at the project's root, made from the hashed list requirements.lock, and made anew when that
# list changes: the copy of the list inside it is written last, so that an interrupted set-up counts as none.
# With uv where there is one, else with venv and pip. Nothing is written outside the root.
set -eu

program=$1
shift
root=$(cd -- "$(dirname -- "$0")/.." && pwd -P)
venv=$root/.venv
list=$root/requirements.lock
lock=$root/.venv.lock # a symbolic link that points to the process id of the one who holds it
mine=

fail() { # MESSAGE: one line, and the exit code of a missing program
    printf 'error: %s\n' "$1" >&2
    exit 10
}

current() {
    [ -x "$venv/bin/python" ] && cmp -s "$list" "$venv/requirements.lock"
}

find_python() { # prints the first Python that is new enough; some of these names may be shims that only complain
    for name in python3.11 python3.12 python3.13 python3.14 python3 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$name"
            return
        fi
    done
    return 1
}

hold() { # waits for another set-up of the same environment; one that died is not waited for
    waited=
    until ln -s "$$" "$lock" 2>/dev/null; do
        [ -w "$root" ] || fail "$root is not writable -- its .venv is made there; take a copy that is yours"
        holder=$(readlink "$lock" || :)
        if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
            rm -f "$lock"
        elif [ -n "$holder" ]; then
            [ -n "$waited" ] || printf 'waiting for process %s, which is setting up .venv\n' "$holder" >&2
            waited=yes
            sleep 1
        fi
    done
    mine=yes
}

release() {
    [ -n "$mine" ] || return 0
    current || rm -rf "$venv"
    rm -f "$lock"
    mine=
}

install_with_uv() {
    uv venv --quiet --no-project --python '>=3.11' "$venv" &&
        uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$list"
}

install_with_pip() {
    python=$(find_python) || fail "no Python 3.11 or newer is on PATH -- install one (Debian, Ubuntu: apt install python3)"
    # Without pip: Debian packages ensurepip apart from venv, and a pip that is there already can fill any environment.
    "$python" -m venv --without-pip "$venv" ||
        fail "$python has no module venv -- install it (Debian, Ubuntu: apt install python3-venv) or uv"
    if "$python" -m pip --python "$venv/bin/python" --version >/dev/null 2>&1; then
        set -- "$python" -m pip --python "$venv/bin/python"
    elif "$venv/bin/python" -m ensurepip >/dev/null 2>&1; then
        set -- "$venv/bin/python" -m pip
    else
        fail "$python has no pip -- install it (Debian, Ubuntu: apt install python3-pip or python3-venv) or uv"
    fi
    # The list is whole, so there is nothing to resolve; and most of what it brings is never imported, so never compiled.
    "$@" install --quiet --no-input --disable-pip-version-check --no-deps --no-compile --require-hashes -r "$list"
}

set_up() {
    rm -rf "$venv"
    if command -v uv >/dev/null 2>&1; then
        with=uv
    else
        with=pip
    fi
    printf 'setting up .venv with %s (once, and again when requirements.lock changes)\n' "$with" >&2
    "install_with_$with" ||
        fail "$with could not install requirements.lock -- see the lines above; it needs a package registry or mirror"
    for packages in "$venv"/lib/python3.*/site-packages; do
        # The project itself, by a path relative to the folder of the file, so that a checkout can be moved.
        printf '../../../..\n' >"$packages/project.pth"
    done
    if env --block-signal=INT true 2>/dev/null; then # GNU's
        : >"$venv/blocks"
    fi
    cp "$list" "$venv/requirements.lock"
}

if ! current; then
    trap release EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    hold
    current || set_up
    release
    trap - EXIT INT TERM HUP
fi

# By module, not by script: a script's first line holds the path that the checkout had when the environment was made.
# -P: nothing in the caller's folder is imported by accident.
case $program in
inv) set -- kubetasks --search-root "$root" "$@" ;;
nox) set -- nox --noxfile "$root/noxfile.py" "$@" ;;
esac
# -E: nor is anything changed by PYTHONPATH, PYTHONWARNINGS and the like.
set -- "$venv/bin/python" -E -P -m "$@"
# Python answers Ctrl-C in its first moments with a traceback; kubetasks lets the signal through when it can take it.
if [ "$program" = inv ] && [ -f "$venv/blocks" ]; then
    exec env --block-signal=INT "$@"
fi
exec "$@"
