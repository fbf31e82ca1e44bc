#!/bin/sh
# The script everybody has: build, load, secret, apply, wait. The peer of `inv deploy` in bench/deploy.py and
# bench/minikube.py. CLUSTER is a kind cluster's name, or minikube:PROFILE with the docker runtime.
#   plain.sh CONTEXT CLUSTER NAMESPACE BASE_IMAGE POSTGRES_IMAGE [restart]
# Runs in the project's root. `restart`: the image's name stays, so new code needs a rollout restart.
set -eu
context=$1 cluster=$2 namespace=$3 base=$4 postgres=$5 restart=${6:-}
case $cluster in minikube:*) eval "$(minikube -p "${cluster#minikube:}" docker-env)" ;; esac
k() { kubectl --context "$context" --namespace "$namespace" "$@"; }

for service in backend frontend; do
    docker build --quiet --file docker/Dockerfile --build-arg BASE_IMAGE="$base" --build-arg SERVICE="$service" \
        --tag "plain/$service:dev" "app/$service" >/dev/null
done
case $cluster in minikube:*) loaded= ;; *) loaded="backend frontend" ;; esac
for service in $loaded; do
    kind load docker-image --name "$cluster" "plain/$service:dev"
done
kubectl --context "$context" create namespace "$namespace" --dry-run=client --output yaml |
    kubectl --context "$context" apply --filename -
k create secret generic todo-secrets --from-literal=JWT_SECRET=0123456789abcdef0123456789abcdef \
    --from-literal=POSTGRES_PASSWORD=benchmark --dry-run=client --output yaml | k apply --filename -
# The migration Job's template names an image whose tag never changes, so an apply leaves it alone.
kubectl kustomize manifests/overlays/bundled |
    sed -e "s|image: backend$|image: plain/backend:dev|" -e "s|image: frontend$|image: plain/frontend:dev|" \
        -e "s|image: postgres$|image: $postgres|" -e "s|namespace: todo$|namespace: $namespace|" |
    awk -v RS='---\n' -v ORS='---\n' '!/kind: Namespace/' |
    k apply --filename -
if [ -n "$restart" ]; then
    k rollout restart deployment/backend deployment/frontend
fi
k rollout status deployment/backend --timeout=180s
k rollout status deployment/frontend --timeout=180s
