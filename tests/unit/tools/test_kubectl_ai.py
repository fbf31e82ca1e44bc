"""kubectl-ai: its argument vector, and what is read from recorded output of 0.0.28."""

from pathlib import Path

import pytest

from kubetasks.tools import kubectl_ai as tool

RECORDED = Path(__file__).resolve().parents[2] / "recorded" / "kubectl-ai"


def text(name: str) -> str:
    path = RECORDED / name
    return path.read_text() if path.exists() else ""


def test_the_whole_argv() -> None:
    assert tool.ask("why?", model="m", kubeconfig="/k", trace="/t", iterations=7) == [
        "kubectl-ai", "--quiet", "--llm-provider", "openai", "--model", "m", "--max-iterations", "7",
        "--kubeconfig", "/k", "--trace-path", "/t", "why?",
    ]  # fmt: skip


def test_every_flag_is_one_that_it_has() -> None:
    for word in tool.ask("why?", model="m", kubeconfig="/k", trace="/t", iterations=7):
        if word.startswith("--"):
            assert f"      {word} " in text("help.stdout")


@pytest.mark.parametrize("kind", ["stdout", "stderr"])
def test_the_commands_that_want_an_approval(kind: str) -> None:
    assert tool.proposed(text(f"mutate.{kind}")) == ["kubectl delete deploy a -n default"]


def test_a_command_is_listed_once_and_may_have_several_lines() -> None:
    shown = (
        f"{tool.APPROVAL}\n* kubectl delete pod a\n* kubectl apply -f - <<E\nkind: x\nE\n{tool.END_OF_APPROVAL} to …"
    )
    assert tool.proposed(shown, shown) == ["kubectl delete pod a", "kubectl apply -f - <<E\nkind: x\nE"]


@pytest.mark.parametrize("name", ["read.stdout", "unreachable.stderr", "nokey.stderr", "help.stdout"])
def test_nothing_was_proposed(name: str) -> None:
    assert tool.proposed(text(name)) == []


def test_the_answer() -> None:
    assert tool.answer(text("read.stdout")).strip() == "There is 1 deployment named a with 1 ready replica."
    assert tool.ran(text("read.stdout")) == ["kubectl get deploy -n default"]
    assert tool.answer(text("mutate.stdout")) == ""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("unreachable", 'OpenAI streaming error: Post "http://127.0.0.1:8999/v1/chat/completions": dial tcp'),
        ("nokey", "failed to get agent for new session: creating agent: creating llm client: OpenAI API key not found"),
        ("noquery", "failed to get agent for new session: initializing agent: RunOnce mode requires an initial query"),
    ],
)
def test_the_reason_of_a_failure_without_the_usage(name: str, why: str) -> None:
    assert tool.reason([text(f"{name}.stderr"), text(f"{name}.stdout")]).startswith(why)


def test_a_reason_that_it_does_not_give() -> None:
    assert tool.reason(["", ""]) == "it printed nothing"
    assert tool.reason(["panic: x\n\ngoroutine 1", ""]) == "goroutine 1"
