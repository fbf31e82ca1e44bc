# shellcheck shell=bash
# The base image of the application's images.
step_python-base() {
  local tag=kubetasks.local/python:3.11 made ca=/etc/ssl/certs/ca-certificates.crt
  made=$(digest python rootfs.sh)-$(sha256sum <"$ca" | cut -c 1-12)
  image_is "$tag" "$made" && return
  working "building $tag"
  rootfs "$work/rootfs.tar" ca-certificates,python3,python3-venv
  cp "$ca" python/Dockerfile "$work"
  image "$tag" "$made" "$work"
}
