# shellcheck shell=bash
# What the steps share. Sourced by `up`, which sets $here (this folder), $cache, $bin, $logs and $rebuild.

say() { printf '%s\n' "$*"; }
die() { printf 'offline: %s\n' "$*" >&2; exit 1; }

# step NAME FUNCTION: run a step with its output in a log and a scratch folder in $work; one line when it finds work to
# do, one when it has ended. In a subshell of its own: as the condition of an `if`, `set -e` would not hold in it.
step() {
  local began=$SECONDS log="$logs/$1.log" code=0 outcome=present
  work=$(mktemp -d)
  set +e
  (set -e; "$2") 3>&1 9>&- >"$log" 2>&1 # 9 is the lock, which an engine started here must not hold
  code=$?
  set -e
  [ -e "$work/.worked" ] && outcome=made
  rm -rf "$work"
  if [ $code != 0 ]; then
    tail -n 20 "$log" >&2
    die "$1 failed after $((SECONDS - began)) s; the whole log: $log"
  fi
  say "$1: $outcome ($((SECONDS - began)) s)"
}

# working WHAT: say that the running step has something to do (on the descriptor that `step` keeps open for it).
working() {
  touch "$work/.worked"
  printf '  %s\n' "$1" >&3
}

# root_do COMMAND...: run as root.
root_do() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif sudo -n true 2>/dev/null; then sudo -n "$@"
  else die "needs root for: $*"
  fi
}

# packages PROGRAM=PACKAGE...: install the Debian packages of those programs that are not there.
packages() {
  local pair missing=()
  for pair in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "not a Debian machine; install these first: ${missing[*]}"
  root_do apt-get update -qq
  root_do env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# digest PATH...: one hash over the names, modes and bytes of these files and folders below this one.
digest() {
  (cd "$here" && find "$@" -type f -printf '%p %m\n' | LC_ALL=C sort &&
    find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c 1-24
}

# stamped FILE DIGEST / stamp FILE DIGEST: whether a file of the cache was made from these inputs; note that it was.
stamped() { [ -z "$rebuild" ] && [ -e "$1" ] && [ "$(cat "$cache/stamps/${1##*/}" 2>/dev/null)" = "$2" ]; }
stamp() { mkdir -p "$cache/stamps" && printf '%s\n' "$2" >"$cache/stamps/${1##*/}"; }

label=dev.kubetasks.inputs

# image_is TAG DIGEST: whether the engine has this image, made from these inputs.
image_is() {
  [ -z "$rebuild" ] && [ "$(docker image inspect -f "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null)" = "$2" ]
}

# image TAG DIGEST FOLDER: build a folder's Dockerfile and label the image with the digest of its inputs.
image() {
  builder
  DOCKER_BUILDKIT=$buildkit "$client" build --label "$label=$2" -t "$1" "$3"
}

# builder: find a docker client that can build. From version 23 on BuildKit is a plugin (buildx) that may be missing;
# before, it was built in. The Dockerfiles here need nothing of BuildKit, so the classic builder is good enough too.
builder() {
  [ -n "${client:-}" ] && return
  local each version
  while IFS= read -r each; do
    version=$("$each" version -f '{{.Client.Version}}' 2>/dev/null) || continue
    if [ "${version%%.*}" -lt 23 ] || "$each" buildx version >/dev/null 2>&1; then
      client=$each buildkit=1
      return
    fi
  done < <(type -ap docker)
  client=docker buildkit=0
}
