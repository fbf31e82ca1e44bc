# shellcheck shell=bash
# rootfs FILE PACKAGES [OPTION...]: a root file system of Debian 12 packages as a tar file.
# usr-is-merged: its alternative, usrmerge, brings 50 MB of Perl. $KUBETASKS_DEBIAN_MIRROR names another mirror; the proxy that apt is told to use on this machine is used here too.
rootfs() {
  local file=$1 include=$2 proxy
  shift 2
  packages mmdebstrap=mmdebstrap
  proxy=$(mktemp)
  apt-config dump 2>/dev/null | grep -iE '^Acquire::[a-z:]*(proxy|cainfo)' >"$proxy" || true
  mmdebstrap --quiet --variant=minbase --include="usr-is-merged,$include" \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --aptopt="$proxy" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/lintian/*' --dpkgopt='path-exclude=/usr/share/bug/*' \
    --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' "$@" \
    bookworm "$file" ${KUBETASKS_DEBIAN_MIRROR:+"$KUBETASKS_DEBIAN_MIRROR"}
  rm -f "$proxy"
}
