# shellcheck shell=bash
# Helm 4 (Helm 3 comes with the project's environment, as a wheel). Named helm4, so that both can be on PATH.
helm=v4.3.1

step_helm4() {
  local version=helm.sh/helm/v4/internal/version
  installed helm.sh/helm/v4/cmd/helm "$helm" "$bin/helm4" "-X $version.version=$helm -X $version.metadata="
}
