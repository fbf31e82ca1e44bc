# shellcheck shell=bash
# A running Docker engine.
step_engine() {
  local told
  told=$(docker info 2>&1) && return
  case $told in *'permission denied'*) die "an engine runs, but not for $(id -un): be root, or join the group docker" ;; esac
  working "starting a Docker engine"
  packages docker=docker.io dockerd=docker.io iptables=iptables ip=iproute2 jq=jq procps=procps
  if [ -d /run/systemd/system ]; then
    root_do systemctl start docker
  else
    local options=()
    # Root of a container or a small virtual machine may lack CAP_SYS_RESOURCE (bit 24); see runc-wrapper.
    if [ $((0x$(awk '/CapBnd/ {print $2}' /proc/self/status) >> 24 & 1)) = 0 ] &&
      ! grep -qs default-runtime /etc/docker/daemon.json; then
      root_do install -m 755 engine/runc-wrapper /usr/local/sbin/runc-wrapper
      options=(--add-runtime wrapped=/usr/local/sbin/runc-wrapper --default-runtime wrapped)
    fi
    # Left by an engine that was killed; its number may be another process's by now, and dockerd would refuse to start.
    pgrep -x dockerd >/dev/null ||
      root_do rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
    # A session of its own, so that the engine outlives this script and whatever started it.
    root_do setsid sh -c 'exec dockerd "$@" >>/var/log/dockerd.log 2>&1 </dev/null 3>&- &' sh "${options[@]}"
  fi
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && return
    sleep 0.5
  done
  tail -n 20 /var/log/dockerd.log 2>/dev/null
  return 1
}
