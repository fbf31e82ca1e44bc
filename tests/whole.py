"""A small project of somebody's own: its whole folder is the build context, and there is no ignore file."""

import subprocess
from pathlib import Path

SECRET = "canary-77aa0c51d9-whole-context"
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: &labels {app.kubernetes.io/part-of: whole, app.kubernetes.io/name: web}}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: web}}
  template:
    metadata: {labels: *labels}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: web
          command: [python3, -m, http.server, --bind, $(HOST), $(PORT)]
          env:
            - {name: HOST, value: 0.0.0.0}
            - {name: PORT, value: "8080"}
            - {name: API_KEY, valueFrom: {secretKeyRef: {name: whole-secrets, key: API_KEY}}}
          ports: [{containerPort: 8080, name: http}]
          readinessProbe: {httpGet: {path: /index.html, port: http}, periodSeconds: 1}
          securityContext:
            allowPrivilegeEscalation: false
            runAsNonRoot: true
            runAsUser: 1234
            capabilities: {drop: [ALL]}
            seccompProfile: {type: RuntimeDefault}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app.kubernetes.io/part-of: whole, app.kubernetes.io/name: web}}
spec: {selector: {app.kubernetes.io/name: web}, ports: [{port: 80, targetPort: http}]}
"""
FILES = {
    "tasks.py": "from kubetasks import collection\n\nnamespace = collection\n",
    "invoke.yaml": "kubetasks: {project: whole, deadline: 40, env_file: .env, "
    "services: {web: {}}, secrets: {API_KEY: {}}}\n",
    # `date` makes another content of every build that is not cached.
    "Dockerfile": "ARG BASE_IMAGE\nFROM $BASE_IMAGE\nWORKDIR /srv\nCOPY . .\nRUN date +%s%N >/stamp\n",
    "index.html": "hello\n",
    ".env": f"API_KEY={SECRET}\n",
    "prod.env": f"API_KEY={SECRET}\n",
    "manifests/overlays/bundled/kustomization.yaml": "resources: [web.yaml]\n",
    "manifests/overlays/bundled/web.yaml": WORKLOAD,
    "manifests/overlays/sqlite/kustomization.yaml": "resources: [web.yaml]\n",
    "manifests/overlays/sqlite/web.yaml": WORKLOAD,
}


def write(root: Path, mark: str = "") -> Path:
    """Write the project, as a git repository with everything but the env files committed.

    Args:
        root: its folder.
        mark: makes its images others than those of other tests on the same engine.
    """
    for name, text in {**FILES, "mark": mark}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for words in (
        ("init", "--quiet"), ("add", "--", "mark", *(name for name in FILES if not name.endswith(".env"))),
        (*who, "commit", "--quiet", "--message", "All"),
    ):  # fmt: skip
        subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    return root


def untracked(root: Path) -> list[str]:
    """What git shows as new or changed."""
    done = subprocess.run(["git", "status", "--porcelain"], cwd=root, check=True, capture_output=True, text=True)
    return [line[3:] for line in done.stdout.splitlines()]
