"""Make the picture of `inv aiops.ask`: a broken deployment, a question, a proposal, a yes.

    python docs/pictures/ask.py [--context kind-kubetasks] [--image IMAGE]

The cluster, the sandbox and the gateway are real; the model is scripted, and kubectl-ai is the tests' stand-in.
Needs bubblewrap, and an image with a shell that the nodes have or can pull. The namespace `shop` is made and deleted.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

import make  # noqa: E402

from tests.scripted_model import Model, Say, kubectl, serving  # noqa: E402

QUESTION = "why is web restarting?"
ANSWER = """web stops at its start: its log ends with KeyError: PORT, and the container has no
variable of that name. Set it, and the pods become ready."""
BROKEN = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: %s
        imagePullPolicy: IfNotPresent
        command: [sh, -c, 'test "$PORT" && exec sleep 3600; echo "KeyError: PORT"; exit 1']
"""


def main() -> None:
    """Make it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--context", default="kind-kubetasks")
    parser.add_argument("--image", default="busybox:1.37")
    args = parser.parse_args()
    scope = ["kubectl", "--context", args.context]
    subprocess.run([*scope, "create", "namespace", "shop"], check=True)
    try:
        subprocess.run([*scope, "apply", "-f", "-"], input=BROKEN % args.image, text=True, check=True)
        for event in ("create", "jsonpath={.status.containerStatuses[0].restartCount}=2"):
            wait = ["wait", "pod", "--selector=app=web", f"--for={event}", "--timeout=120s"]
            subprocess.run([*scope, "--namespace=shop", *wait], check=True)
        make.draw("ask.svg", "inv aiops.ask", [(f'inv aiops.ask "{QUESTION}"', asked(args.context))])
    finally:
        subprocess.run([*scope, "delete", "namespace", "shop", "--wait=false"], check=False)


def asked(context: str) -> str:
    """What a person sees."""
    first = [kubectl("kubectl get pods"), kubectl("kubectl logs -l app=web --tail=20")]
    script = [Say("", first), Say(f"{ANSWER}\n```kubectl\nkubectl set env deployment/web PORT=8080\n```\n")]
    with serving(Model([*script])) as model, tempfile.TemporaryDirectory() as state:
        env = {
            **os.environ, "TERM": "xterm-256color", "COLUMNS": str(make.COLUMNS), "FORCE_COLOR": "1",
            "KUBETASKS_NAMESPACE": "shop", "KUBETASKS_CONTEXT": context, "KUBETASKS_TARGET": "auto",
            "KUBETASKS_AIOPS_ENDPOINT": model.url, "KUBETASKS_AIOPS_MODEL": "a-model",
            "LLM_API_KEY": "the-key-of-the-picture",
            "KUBETASKS_PROGRAMS_KUBECTL_AI": str(ROOT / "tests" / "kubectl_ai.py"), "XDG_STATE_HOME": state,
        }  # fmt: skip
        shown = make.terminal([sys.executable, "-m", "kubetasks", "aiops.ask", QUESTION], env, {b"[y/N]": b"y\n"})
        shown = re.sub(r"(kubetasks/)[\w.-]+(-[0-9a-f]{12}/)", r"\1shop\2", shown.replace(state, "~/.local/state"))
        return shown.replace(model.url, "https://api.example.com/v1")


if __name__ == "__main__":
    main()
