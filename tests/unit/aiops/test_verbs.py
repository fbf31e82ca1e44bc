"""The table of verbs: what may be proposed, what is refused, and what only reads."""

import shlex

import pytest

from kubetasks.aiops.verbs import GROUPS, KINDS, READING, VERBS, judge, split
from kubetasks.tools.kubectl import Kubectl
from tests.unit.aiops.test_leash import INJECTIONS

KUBECTL = Kubectl("kind-c", "shop")
SCOPE = ("kubectl", "--context", "kind-c", "--namespace", "shop", "--request-timeout=20s")

FIT = {
    "kubectl rollout restart deploy/web": "rollout restart deploy/web",
    "kubectl rollout restart deployment web -n shop": "rollout restart deployment web",
    "kubectl --namespace=shop rollout undo deployment/web --to-revision=3": "rollout undo deployment/web --to-revision=3",
    "kubectl rollout undo sts/db --to-revision 2": "rollout undo sts/db --to-revision 2",
    "kubectl scale deploy web --replicas=3 --context kind-c": "scale deploy web --replicas=3",
    "kubectl scale --replicas 0 deployment/web": "scale --replicas 0 deployment/web",
    "kubectl set image deploy/web web=reg.io/web:2 side=reg.io/side:1": "set image deploy/web web=reg.io/web:2 side=reg.io/side:1",
    "kubectl set image deployment web web=web:2": "set image deployment web web=web:2",
    "kubectl set env deploy/web A=1 B-": "set env deploy/web A=1 B-",
    "kubectl set resources deploy web --limits=memory=512Mi -c web": "set resources deploy web --limits=memory=512Mi -c web",
    "kubectl delete pod web-1": "delete pod web-1",
    "kubectl delete pod web-1 web-2 --wait=false": "delete pod web-1 web-2 --wait=false",
    "kubectl delete pod/web-1 job/x": "delete pod/web-1 job/x",
    "kubectl label svc web tier=front --overwrite": "label svc web tier=front --overwrite",
    "kubectl annotate deploy/web note- 'why=a b'": "annotate deploy/web note- 'why=a b'",
    "kubectl create job again --from=cronjob/nightly": "create job again --from=cronjob/nightly",
    """kubectl patch deploy web -p '{"spec":{"replicas":2}}'""": """patch deploy web -p '{"spec":{"replicas":2}}'""",
    """kubectl patch svc/web --type=json -p='[{"op":"remove","path":"/spec/x"}]'""":
        """patch svc/web --type=json '-p=[{"op":"remove","path":"/spec/x"}]'""",
    "kubectl rollout restart \\\n  deploy/web": "rollout restart deploy/web",
}  # fmt: skip
UNFIT = [
    *INJECTIONS[:4], "", "kubectl", "rm -rf /", "sudo kubectl delete pod a", "/usr/bin/kubectl delete pod a",
    "./kubectl delete pod a", "kubectl-evil delete pod a", "KUBECONFIG=/x kubectl delete pod a", "helm uninstall web",
    "kubectl delete pod a --dry-run=none", "kubectl delete pod a --dry-run", "kubectl get pods --dry-run > f",
    "kubectl config set-context x", "kubectl config use-context production", "kubectl get secrets -o yaml > /tmp/x",
    "kubectl get pods | sh", "kubectl delete pod a; kubectl delete pod b", "kubectl delete pod a && true",
    "kubectl delete pod a &", "kubectl delete pod a\nkubectl delete pod b", "kubectl delete pod $(id)",
    "kubectl delete pod `id`", "kubectl set env deploy/web A=$OPENAI_API_KEY", 'kubectl set env deploy/web "A=$KEY"',
    "kubectl delete pods --all", "kubectl delete pod", "kubectl delete pod -l app=web", "kubectl delete all --all",
    "kubectl delete -f x.yaml", "kubectl delete pod a --force", "kubectl delete pod a -A", "kubectl delete pod *",
    "kubectl delete secret a", "kubectl delete secrets/a", "kubectl delete pvc data", "kubectl delete pv data",
    "kubectl delete ns shop", "kubectl delete namespace/shop", "kubectl delete node a", "kubectl delete crd a",
    "kubectl delete role a", "kubectl delete rolebinding a", "kubectl delete sa a", "kubectl delete pod/a secret/b",
    "kubectl delete pod a secret/b", "kubectl patch secret a -p '{}'", "kubectl patch clusterrole x -p '{}'",
    "kubectl label ns shop x=y", "kubectl annotate node a x=y", "kubectl scale pvc a --replicas=1",
    "kubectl exec a -- sh", "kubectl cp a:/x /y", "kubectl attach a", "kubectl port-forward a 1:1", "kubectl proxy",
    "kubectl debug a", "kubectl run a --image=b", "kubectl apply -f x", "kubectl apply -f http://x/y",
    "kubectl replace -f x", "kubectl create -f x", "kubectl create secret generic a", "kubectl create job a --image=b",
    "kubectl create job a --from=job/b", "kubectl create token kubetasks-observer", "kubectl create ns x",
    "kubectl create clusterrolebinding x --clusterrole=cluster-admin --user=y", "kubectl edit deploy a",
    "kubectl auth reconcile -f x", "kubectl certificate approve x", "kubectl drain n", "kubectl cordon n",
    "kubectl taint node n a=b:NoSchedule", "kubectl plugin list", "kubectl krew install x", "kubectl expose deploy a",
    "kubectl autoscale deploy a --max=3", "kubectl kustomize x", "kubectl alpha x", "kubectl set serviceaccount deploy a b",
    "kubectl set selector svc a b=c", "kubectl set subject rolebinding a --user=b", "kubectl set env deploy/web --from=secret/a",
    "kubectl set env deploy/web", "kubectl set image deploy/web", "kubectl rollout restart deploy", "kubectl rollout restart",
    "kubectl rollout restart deploy a b", "kubectl rollout undo deploy/a --dry-run=server", "kubectl rollout restart ds/a -f x",
    "kubectl -n kube-system delete pod a", "kubectl delete pod a -nkube-system", "kubectl delete pod a --namespace other",
    "kubectl --context production delete pod a", "kubectl --kubeconfig=/x delete pod a", "kubectl -s https://x delete pod a",
    "kubectl --server=https://x delete pod a", "kubectl --token=x delete pod a", "kubectl --as=admin delete pod a",
    "kubectl --user=x delete pod a", "kubectl --cluster=x delete pod a", "kubectl --insecure-skip-tls-verify delete pod a",
    "kubectl delete pod a --raw=/api", "kubectl delete --raw /api/v1/namespaces/shop", "kubectl scale deploy web --replicas",
    "kubectl patch deploy web --patch-file=/etc/passwd", "kubectl patch -f x -p '{}'", "kubectl patch deploy web 'x' -p '{}'",
    "kubectl delete pod 'a", "kubectl delete pod Bad_Name", "kubectl delete pod ../../secrets/x", "kubectl delete pod/a/b",
    "kubectl label pod a", "kubectl label pod a --all x=y", "kubectl annotate pod a x=y -l z", "kubectl delete pod \x1b[2Ja",
    "kubectl delete pod \u202ea", "kubectl patch deploy a -p '" + "x" * 9000 + "'",
]  # fmt: skip


@pytest.mark.parametrize("command", FIT)
def test_what_may_be_proposed(command: str) -> None:
    judged = judge(command, KUBECTL)
    assert (judged.why, judged.reads) == ("", False)
    assert judged.argv == (*SCOPE, *shlex.split(FIT[command]))
    assert judge(split(command), KUBECTL).argv == judged.argv  # as words, from our own tool


@pytest.mark.parametrize("command", UNFIT)
def test_what_is_refused(command: str) -> None:
    judged = judge(command, KUBECTL)
    assert judged.argv == ()
    assert judged.why or judged.reads
    assert "\n" not in judged.why


@pytest.mark.parametrize("verb", sorted(READING))
def test_what_reads_is_not_proposed_at_all(verb: str) -> None:
    judged = judge(f"kubectl {verb} pods", KUBECTL)
    assert (judged.argv, judged.reads) == ((), True)
    assert judge(f"kubectl {verb} pods > /tmp/x", KUBECTL).why
    assert judge(f"kubectl {verb} secrets -n other", KUBECTL).why


@pytest.mark.parametrize("verb", sorted(VERBS))
@pytest.mark.parametrize("flag", ["--dry-run=none", "--kubeconfig=/x", "--filename=x", "-f", "--all", "-l", "--force",
                                  "--local", "--record", "-o", "--recursive", "--field-manager=x", "-k"])  # fmt: skip
def test_no_verb_takes_a_flag_that_is_not_in_its_row(verb: str, flag: str) -> None:
    assert judge(f"kubectl {verb} deploy/web {flag}", KUBECTL).why


@pytest.mark.parametrize("verb", sorted(VERBS))
@pytest.mark.parametrize("kind", ["secret", "secrets", "Secret", "role", "rolebinding", "clusterrole", "serviceaccount",
                                  "pvc", "pv", "namespace", "node", "crd", "token", "all", "*", "deploy,secret"])  # fmt: skip
def test_no_verb_is_used_on_what_is_not_in_the_table(verb: str, kind: str) -> None:
    assert judge(f"kubectl {verb} {kind} x a=b", KUBECTL).why
    assert judge(f"kubectl {verb} {kind}/x a=b", KUBECTL).why


def test_the_table_is_whole() -> None:
    assert {verb.partition(" ")[0] for verb in VERBS if " " in verb} == GROUPS
    for row in VERBS.values():
        assert row.kinds <= set(KINDS.values())
    assert not {"secret", "role", "serviceaccount", "persistentvolumeclaim"} & set(KINDS.values())
