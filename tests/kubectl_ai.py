#!/usr/bin/env python3
"""A stand-in for kubectl-ai 0.0.28: its command line, exit codes, approval text, and the holes in its protection.

The real one cannot be had from a package registry. What this does is taken from runs of the real one
(``tests/recorded/kubectl-ai``), among it what makes it dangerous: with ``--quiet`` and without ``--skip-permissions``

1. any ``--dry-run…`` makes a command count as read-only: ``kubectl delete pod x --dry-run=none`` deletes;
2. so does ``kubectl config set-context``, which rewrites the kubeconfig;
3. a redirection is not looked at: ``kubectl get secrets -o yaml > FILE``;
4. any program whose path contains "kubectl" counts as kubectl;
5. the shell expands variables, ``$OPENAI_API_KEY`` too, and what it prints goes to the model;
6. trace and log are files that every user can read, with fixed names;
7. an empty answer ends with exit code 0;
8. an endpoint that hangs is waited for without end.

It runs alone (inside the sandbox there is nothing of kubetasks) and needs nothing but the standard library.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

INTRO = """kubectl-ai is a command-line tool that allows you to interact with your Kubernetes cluster using natural language queries. It leverages large language models to understand your intent and translate it into kubectl

"""
USAGE = """Usage:
  kubectl-ai [flags]
  kubectl-ai [command]

Available Commands:
  completion  Generate the autocompletion script for the specified shell
  help        Help about any command
  version     Print the version number of kubectl-ai

Flags:
      --alsologtostderr                    log to standard error as well as files (no effect when -logtostderr=true)
      --custom-tools-config stringArray    path to custom tools config file or directory (default [{CONFIG}/kubectl-ai/tools.yaml,{HOME}/.config/kubectl-ai/tools.yaml])
      --delete-session string              delete a session by ID
      --enable-tool-use-shim               enable tool use shim
      --external-tools                     in MCP server mode, discover and expose external MCP tools
      --extra-prompt-paths stringArray     extra prompt template paths
  -h, --help                               help for kubectl-ai
      --http-port int                      port for the HTTP endpoint in MCP server mode (used with --mcp-server when --mcp-server-mode is streamable-http) (default 9080)
      --kubeconfig string                  path to kubeconfig file
      --list-sessions                      list all available sessions
      --llm-provider string                language model provider (default "gemini")
      --max-iterations int                 maximum number of iterations agent will try before giving up (default 20)
      --mcp-client                         enable MCP client mode to connect to external MCP servers
      --mcp-server                         run in MCP server mode
      --mcp-server-mode string             mode of the MCP server. Supported values: stdio, streamable-http (default "stdio")
      --model string                       language model e.g. gemini-2.0-flash-thinking-exp-01-21, gemini-2.0-flash (default "gemini-2.5-pro")
      --new-session                        start a new persistent session
      --prompt-template-file-path string   path to custom prompt template file
      --quiet                              run in non-interactive mode, requires a query to be provided as a positional argument
      --remove-workdir                     remove the temporary working directory after execution
      --resume-session string              ID of session to resume (use 'latest' for the most recent session)
      --sandbox string                     execute tools in a sandbox environment (k8s, seatbelt)
      --sandbox-image string               container image to use for the sandbox (default "bitnami/kubectl:latest")
      --session-backend string             session backend to use (memory or filesystem) (default "memory")
      --show-tool-output                   show tool output in the terminal UI
      --skip-permissions                   (dangerous) skip asking for confirmation before executing kubectl commands that modify resources
      --skip-verify-ssl                    skip verifying the SSL certificate of the LLM provider
      --trace-path string                  path to the trace file (default "/tmp/kubectl-ai-trace.txt")
      --ui-listen-address string           address to listen for the HTML UI. (default "localhost:8888")
      --ui-type UIType                     user interface type to use. Supported values: terminal, web, tui. (default terminal)
  -v, --v Level                            number for the log level verbosity

Use "kubectl-ai [command] --help" for more information about a command.
"""
VALUED = {
    line.split()[0].removeprefix("--"): line.split()[1]
    for line in USAGE.splitlines()
    if re.match(r" +--[a-z-]+ (string|int)", line)
}
READING = {
    "get",
    "describe",
    "logs",
    "explain",
    "version",
    "top",
    "api-resources",
    "api-versions",
    "cluster-info",
    "auth",
    "config",
    "diff",
    "events",
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Executes a {name} command.",
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string"}, "modifies_resource": {"type": "string"}},
            },
        },
    }
    for name in ("kubectl", "bash")
]


def fail(why: str, *, stdout: str = "") -> int:
    """An error as cobra prints it: with the usage, and the error once more."""
    sys.stdout.write(stdout)
    sys.stderr.write(f"Error: {why}\n{USAGE}\n{why}\n")
    return 1


def parse(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    """Flags and words."""
    flags: dict[str, str] = {}
    words = []
    left = iter(argv)
    for word in left:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            flags[name] = value if equals else next(left, "") if name in VALUED or name == "v" else "true"
        elif word in {"-h", "-v"}:
            flags["help" if word == "-h" else "v"] = "true" if word == "-h" else next(left, "")
        else:
            words.append(word)
    return flags, words


def modifies(command: str) -> bool:
    """Whether a command needs an approval, as 0.0.28 decides it: the holes are here."""
    first = command.split(maxsplit=1)[0] if command.split() else ""
    if "kubectl" not in first:  # hole 4: a path that contains it is enough
        return True
    if "--dry-run" in command:  # hole 1
        return False
    verbs = [word for word in command.split()[1:] if not word.startswith("-")]
    return not (verbs and verbs[0] in READING)  # holes 2 and 3: config, and whatever follows a verb that reads


def send(messages: list[dict[str, Any]], model: str, trace: Any) -> dict[str, Any]:
    """One streamed completion. No time limit: hole 8."""
    url = urlsplit(os.environ.get("OPENAI_ENDPOINT") or "https://api.openai.com/v1")
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    body = {"model": model, "messages": messages, "tools": TOOLS, "stream": True}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    trace.write(json.dumps(body) + "\n")
    for attempt in (0, 1, 2):
        connection = kind(url.netloc)
        try:
            connection.request("POST", f"{url.path}/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
        except OSError as error:
            problem = f'Post "{url.geturl()}/chat/completions": {error}'
            sys.stderr.write(f"E1121 01:00:48.645369 1 http_journal.go:61] RoundTripper error: {error}\n")
        else:
            if answer.status == 200:
                return assembled(answer)
            problem = f"{answer.status} {answer.read().decode(errors='replace')}"
            if answer.status < 500 and answer.status != 429:
                break
        time.sleep(0.05 * (attempt + 1))
    raise RuntimeError(f"OpenAI streaming error: {problem}")


def assembled(answer: http.client.HTTPResponse) -> dict[str, Any]:
    """The message that the chunks of a stream make up."""
    content = ""
    calls: dict[int, dict[str, Any]] = {}
    for raw in answer:
        line = raw.decode(errors="replace").strip()
        if not line.startswith("data:") or line.endswith("[DONE]"):
            continue
        delta = json.loads(line[5:])["choices"][0]["delta"]
        content += delta.get("content") or ""
        for call in delta.get("tool_calls") or ():
            made = calls.setdefault(
                call["index"], {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            )
            made["id"] += call.get("id") or ""
            for key in ("name", "arguments"):
                made["function"][key] += (call.get("function") or {}).get(key) or ""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return message


def converse(flags: dict[str, str], query: str, trace: Any) -> int:
    """The agent's loop."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You are `kubectl-ai`, an AI assistant with expertise in Kubernetes."},
        {"role": "user", "content": query},
    ]
    env = dict(os.environ)
    if flags.get("kubeconfig"):
        env["KUBECONFIG"] = flags["kubeconfig"]
    for _ in range(int(flags.get("max-iterations", "20"))):
        try:
            message = send(messages, flags.get("model", "gemini-2.5-pro"), trace)
        except (RuntimeError, ValueError, KeyError, http.client.HTTPException) as error:
            return fail(f"running UI: {error}", stdout=f"\x1b[31mError: {error}\x1b[0m")
        messages.append(message)
        if message["content"].strip():
            sys.stdout.write("\n".join(f"  {line:<76}" for line in message["content"].splitlines()) + "\n\n")
        if "tool_calls" not in message:
            return 0  # hole 7
        commands = [json.loads(call["function"]["arguments"])["command"] for call in message["tool_calls"]]
        asking = [command for command in commands if modifies(command)]
        if asking and "skip-permissions" not in flags:
            listed = "\n".join(f"* {command}" for command in asking)
            why = f"RunOnce mode cannot handle permission requests. The following commands require approval:\n{listed}\nUse --skip-permissions flag to bypass permission checks in RunOnce mode."
            sys.stderr.write(
                f'E1121 01:00:48.600846 1 conversation.go:732] "RunOnce mode cannot handle permission requests" commands={json.dumps(asking)}\n'
            )
            return fail(f"running UI: {why}", stdout=f"\x1b[31m{why}\x1b[0m")
        for call, command in zip(message["tool_calls"], commands, strict=True):
            sys.stdout.write(f"\x1b[32m\n  Running: {command}\n\x1b[0m\n")
            sys.stdout.flush()
            # hole 5: through a shell that has all of our variables
            done = subprocess.run(
                ["bash", "-c", command], env=env, capture_output=True, text=True, errors="replace", check=False
            )
            result = {"command": command, "stdout": done.stdout, "stderr": done.stderr, "exit_code": done.returncode}
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result)})
    return 0


def main(argv: list[str]) -> int:
    """Run."""
    flags, words = parse(argv)
    if "help" in flags:
        sys.stdout.write(INTRO + USAGE)
        return 0
    if words[:1] == ["version"]:
        sys.stdout.write("version: dev\ncommit: none\ndate: unknown\n")
        return 0
    if not os.environ.get("OPENAI_API_KEY"):
        return fail(
            "failed to get agent for new session: creating agent: creating llm client: OpenAI API key not found. Set via OPENAI_API_KEY env var"
        )
    if "quiet" in flags and not words:
        return fail(
            "failed to get agent for new session: initializing agent: RunOnce mode requires an initial query to be provided"
        )
    os.umask(0o022)
    path = flags.get("trace-path", "/tmp/kubectl-ai-trace.txt")
    log = os.path.join(os.environ.get("TMPDIR", "/tmp"), "kubectl-ai.log")  # hole 6: both, and whoever reads them
    with open(path, "a", encoding="utf-8") as trace, open(log, "a", encoding="utf-8") as logged:
        os.chmod(path, 0o644)
        os.chmod(log, 0o644)
        logged.write(f"starting with {words}\n")
        return converse(flags, " ".join(words), trace)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
