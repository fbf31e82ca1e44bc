# shellcheck shell=bash
# The image of the bundled database.
step_postgres() {
  local tag=kubetasks.local/postgres:15 made
  made=$(digest postgres rootfs.sh)
  image_is "$tag" "$made" && return
  working "building $tag"
  # The just-in-time compiler (110 MB of LLVM) is left out: Postgres sees that it is not there and goes without.
  rootfs "$work/rootfs.tar" postgresql-15 \
    --dpkgopt='path-exclude=/usr/lib/*/libLLVM*' --dpkgopt='path-exclude=/usr/lib/*/libz3*' \
    --dpkgopt='path-exclude=/usr/lib/postgresql/15/lib/bitcode/*' --dpkgopt='path-exclude=/usr/lib/postgresql/15/lib/llvmjit*' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common" && echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"'
  cp postgres/entrypoint postgres/Dockerfile "$work"
  image "$tag" "$made" "$work"
}
