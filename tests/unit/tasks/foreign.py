"""Somebody else's project, with two services of other names, and a way to run tasks there."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from invoke.program import Program as InvokeProgram

from kubetasks.main import main
from kubetasks.redact import Redactor
from kubetasks.tasks import _edge

SIGNALS = (signal.SIGINT, signal.SIGTERM)

ROOT = Path(__file__).resolve().parents[3]


def invoke(root: Path, *words: str, program: str = "invoke", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a task there; ``program`` is ``invoke`` or ``kubetasks``, which ./inv starts."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KUBETASKS_", "INVOKE_"))}
    return subprocess.run(
        [sys.executable, "-m", program, *words],
        cwd=root,
        env={**env, "PYTHONPATH": str(ROOT), "KUBECONFIG": str(root / "none"), "HOME": str(root), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


FOREIGN_SETTINGS = """
kubetasks:
  project: shop
  namespace: shop-dev
  target: local
  env_file: .env
  services:
    cart: {context: services/cart, dockerfile: services/cart/Dockerfile}
    catalog: {context: services/catalog, dockerfile: services/catalog/Dockerfile}
  secrets:
    PAYMENT_KEY: {kind: required, help: from the bank}
  manifests: {path: k8s}
  images: {repository: example.org/shop}
"""
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, labels: {{app.kubernetes.io/part-of: shop}}}}
spec:
  selector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}
  template:
    metadata: {{labels: {{app.kubernetes.io/name: {name}}}}}
    spec:
      containers:
      - name: main
        image: {name}
        envFrom: [{{secretRef: {{name: shop-secrets}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, labels: {{app.kubernetes.io/part-of: shop}}}}
spec: {{selector: {{app.kubernetes.io/name: {name}}}, ports: [{{port: 80}}]}}
"""
FOREIGN = {
    "tasks.py": "from kubetasks import collection\n\nnamespace = collection\n",
    "invoke.yaml": FOREIGN_SETTINGS,
    ".env": "PAYMENT_KEY=hunter2-of-the-shop\n",
    "services/cart/Dockerfile": 'FROM scratch\nCMD ["sh"]\n',
    "services/catalog/Dockerfile": 'FROM scratch\nCMD ["sh"]\n',
    "k8s/sqlite/kustomization.yaml": "resources: [../base]\n",
    "k8s/base/kustomization.yaml": "resources: [cart.yaml, catalog.yaml]\n",
    "k8s/base/cart.yaml": WORKLOAD.format(name="cart"),
    "k8s/base/catalog.yaml": WORKLOAD.format(name="catalog"),
}


def make(root: Path) -> Path:
    """Write the project's files below a folder."""
    for path, text in FOREIGN.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Here:
    """Runs tasks in this process, which takes a tenth of the time of a process of its own."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, root: Path, *words: str, program: str = "kubetasks", **environ: str) -> Ended:
        handlers = [signal.getsignal(number) for number in SIGNALS]
        known, path = set(sys.modules), list(sys.path)
        self.capsys.readouterr()
        with self.monkeypatch.context() as here:
            for name in [each for each in os.environ if each.startswith(("KUBETASKS_", "INVOKE_"))]:
                here.delenv(name)
            for name, value in {"KUBECONFIG": str(root / "none"), "HOME": str(root), **environ}.items():
                here.setenv(name, value)
            here.chdir(root)
            here.setattr(sys, "argv", ["inv", *words])
            here.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
            here.setattr(sys, "unraisablehook", sys.unraisablehook)
            here.setattr(_edge, "_redactor", Redactor())
            code = 0
            try:
                if program == "kubetasks":
                    main()
                else:
                    InvokeProgram(name="Invoke", binary="inv[oke]", binary_names=["invoke", "inv"]).run()
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 0
            finally:
                for number, handler in zip(SIGNALS, handlers, strict=True):
                    signal.signal(number, handler)
                sys.path[:] = path
                for name in {"tasks", "boom"} & (set(sys.modules) - known):
                    del sys.modules[name]
        seen = self.capsys.readouterr()
        return Ended(code, seen.out, seen.err)
