#!/usr/bin/env python3
"""A small agent for `codeset eval`, on any endpoint that speaks OpenAI's chat completions.

    OPENAI_BASE_URL=http://localhost:8000/v1 OPENAI_MODEL=my-model \\
      codeset eval --agent 'python3 clients/agents/openai_agent.py' --dataset examples --out runs/mine

It reads the task, lets the model run commands in one shell of the session until the model says that it is done, and
exits 0; 1 when the endpoint fails or the model uses up its steps. Needs Python 3.9 and the `codeset` command
(`CODESET_CLI` names another one), nothing else.

    OPENAI_BASE_URL   where the endpoint is, with its /v1; default https://api.openai.com/v1
    OPENAI_API_KEY    its key; none is sent when it is empty
    OPENAI_MODEL      the model's name; required
    AGENT_MAX_STEPS   answers of the model; default 50
    AGENT_COMMAND_TIMEOUT   seconds that one command may take; default 120
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request

SYSTEM = """You are an engineer who works on a repository in a sandbox. Use the tool `run` to look around, to change \
files and to try what you changed; commands share one bash, so that `cd` and variables last, and they have no terminal. \
Hidden tests judge the files when you are done. Make the smallest change that does the task well. When it is done and \
you have tried it, answer without calling a tool."""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "run",
            "description": "Run a shell command; answers with its exit status and what it wrote.",
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string", "description": "a bash command line"}},
                "required": ["command"],
            },
        },
    }
]

# Of one command, head and tail together: a model's context is dear.
MAX_OUTPUT = 12_000
TRIES = 6


class EndpointError(Exception):
    """The endpoint gave no answer that can be used."""


def complete(messages: list[dict]) -> dict:
    """One answer of the model, tried again where the endpoint is busy or broken."""
    url = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/") + "/chat/completions"
    headers = {"Content-Type": "application/json"}
    if os.environ.get("OPENAI_API_KEY"):
        headers["Authorization"] = "Bearer " + os.environ["OPENAI_API_KEY"]
    body = {"model": os.environ["OPENAI_MODEL"], "messages": messages, "tools": TOOLS}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    for tried in range(1, TRIES + 1):
        wait = min(60.0, 2.0**tried)
        try:
            with urllib.request.urlopen(request, timeout=600) as response:
                return json.load(response)["choices"][0]["message"]
        except urllib.error.HTTPError as error:
            text = error.read(2000).decode(errors="replace")
            if error.code not in (408, 409, 429) and error.code < 500:
                raise EndpointError(f"{url}: {error.code}: {text}") from error
            problem = f"{error.code}: {text}"
            after = error.headers.get("Retry-After", "")
            wait = min(300.0, float(after)) if after.isdigit() else wait
        except (OSError, ValueError, KeyError, IndexError) as error:
            problem = repr(error)
        if tried == TRIES:
            raise EndpointError(f"{url}: {problem}")
        print(f"the endpoint, again in {wait:.0f} s: {problem}", flush=True)
        time.sleep(wait)
    raise AssertionError


def run(command: str) -> str:
    """Runs a command in the session's shell `main`, which remembers."""
    cli = shlex.split(os.environ.get("CODESET_CLI", "codeset"))
    timeout = os.environ.get("AGENT_COMMAND_TIMEOUT", "120") + "s"
    argv = ["exec", "--shell", "main", "--timeout", timeout, os.environ["CODESET_SESSION_ID"], "--", "eval", command]
    done = subprocess.run(cli + argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="replace")
    if len(text) > MAX_OUTPUT:
        half = MAX_OUTPUT // 2
        text = f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
    return f"exit status {done.returncode}\n{text}"


def answer(call: dict) -> str:
    """What a tool call comes to; what is wrong with it is for the model to read."""
    function = call.get("function", {})
    if function.get("name") != "run":
        return f"There is no tool {function.get('name')!r}, only `run`."
    try:
        command = json.loads(function.get("arguments") or "{}")["command"]
    except (ValueError, KeyError, TypeError) as error:
        return f"The arguments must be a JSON object with `command`: {error!r}"
    print(f"$ {command}", flush=True)
    result = run(str(command))
    print(result, flush=True)
    return result


def main() -> int:
    for name in ("OPENAI_MODEL", "CODESET_SESSION_ID", "CODESET_TASK_FILE"):
        if not os.environ.get(name):
            print(f"{name} is not set: see the head of {__file__}.", file=sys.stderr)
            return 2
    with open(os.environ["CODESET_TASK_FILE"], encoding="utf-8") as file:
        task = file.read()
    messages: list[dict] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": task}]
    for _ in range(int(os.environ.get("AGENT_MAX_STEPS", "50"))):
        try:
            message = complete(messages)
        except EndpointError as error:
            print(error, file=sys.stderr)
            return 1
        if message.get("content"):
            print(message["content"], flush=True)
        calls = message.get("tool_calls") or []
        if not calls:
            return 0
        # Only what the request's schema has: endpoints answer with more than they take.
        messages.append({"role": "assistant", "content": message.get("content"), "tool_calls": calls})
        for call in calls:
            messages.append({"role": "tool", "tool_call_id": call.get("id", ""), "content": answer(call)})
    print("The steps are used up.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
