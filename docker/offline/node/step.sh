# shellcheck shell=bash
# kind, kubectl and a node image for kind.
kubernetes=v1.34.4 etcd=3.6.5-0 coredns=v1.12.1 pause=3.10.1 # the tags that this version's kubeadm asks for
provisioner=v0.0.30
kind=v0.33.0

step_kind() { installed sigs.k8s.io/kind "$kind" "$bin/kind"; }

# One program is kubectl, kubelet, kubeadm and the control plane; which one, it sees by its name.
step_kubectl() {
  local version=k8s.io/component-base/version
  module kubernetes "-X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=34 \
    -X $version.gitTreeState=clean -X k8s.io/client-go/pkg/version.gitVersion=$kubernetes"
  ln -f "$cache/built/kubernetes" "$bin/kubectl"
}

# packed TAG FILE: build the image on standard input, a Dockerfile that copies FILE, and have it packed into the node.
packed() {
  rm -rf "$work/one"
  mkdir "$work/one"
  mv "$work/$2" "$work/one" 2>/dev/null || cp -l "$cache/built/$2" "$work/one" 2>/dev/null || cp "$cache/built/$2" "$work/one"
  cat >"$work/one/Dockerfile"
  builder
  DOCKER_BUILDKIT=$buildkit "$client" build -q -t "$1" "$work/one"
  names+=("$1")
}

step_kind-node() {
  local tag=kubetasks.local/kind-node:$kubernetes each made names=()
  made=$(digest node go/*/ rootfs.sh engine/runc-wrapper)
  image_is "$tag" "$made" && return
  step_kubectl
  for each in etcd coredns pause; do module "$each"; done
  installed github.com/rancher/local-path-provisioner "$provisioner" "$cache/built/local-path-provisioner"
  packages zstd=zstd

  working "packing the cluster's own images"
  local base=kubetasks.local/node-base:bookworm names_of=kubetasks.local/registry.k8s.io
  local parts="kube-apiserver kube-controller-manager kube-scheduler kube-proxy"
  rootfs "$work/rootfs.tar" iptables,nftables,conntrack,kmod
  packed $base rootfs.tar <<<"FROM scratch
ADD rootfs.tar /"
  packed "$names_of/kube-apiserver:$kubernetes" kubernetes <<<"FROM $base
COPY kubernetes /usr/local/bin/kubernetes
RUN for each in $parts; do ln -s kubernetes /usr/local/bin/\$each; done"
  for each in ${parts#* }; do
    docker tag "$names_of/kube-apiserver:$kubernetes" "$names_of/$each:$kubernetes"
    names+=("$names_of/$each:$kubernetes")
  done
  packed "$names_of/etcd:$etcd" etcd <<<"FROM $base
COPY etcd /usr/local/bin/etcd"
  packed "$names_of/coredns/coredns:$coredns" coredns <<<"FROM $base
COPY coredns /coredns
ENTRYPOINT [\"/coredns\"]"
  packed "$names_of/pause:$pause" pause <<<"FROM scratch
COPY pause /pause
ENTRYPOINT [\"/pause\"]"
  packed "kubetasks.local/local-path-provisioner:$provisioner" local-path-provisioner <<<"FROM $base
COPY local-path-provisioner /usr/local/bin/local-path-provisioner"
  docker save "${names[@]}" | zstd -q -5 -T0 -o "$work/packed.tar.zst"

  working "building $tag"
  rm -rf "$work/one"
  rootfs "$work/rootfs.tar" "ca-certificates,systemd,systemd-sysv,dbus,iproute2,iptables,conntrack,ethtool,ebtables,\
socat,kmod,mount,util-linux,procps,hostname,containerd,runc,containernetworking-plugins,jq,zstd"
  cp "$cache/built/kubernetes" "$work/hyper"
  cp -r engine/runc-wrapper node/Dockerfile node/rootfs "$work"
  image "$tag" "$made" "$work"
  docker image rm "${names[@]}" # what the node has packed the engine need not keep
}
