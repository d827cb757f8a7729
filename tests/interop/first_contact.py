#!/usr/bin/env python3
"""Lane `first-contact`: what somebody meets who runs the built binary on a fresh machine for the first time.

An empty HOME, an empty environment, and in turn: nothing at all, the request of the predecessor's README, a node bot that
reads its last argument, a python agent that reads stdin, and a server for the whole team.
"""
import json
import re
import socket
import subprocess
import sys

from harness import AGENTS, ROOT, Server, Steps, assert_same, expect, message, multibyte, state_of, text_of

LONG = multibyte(200_000)
NODE_BOT = f"node {AGENTS / 'argv_bot.js'}"
PYTHON_AGENT = f"python3 {AGENTS / 'stdin_agent.py'}"

step = Steps()


def pasted(server, **environment):
    """What the last line of the first output prints, in a shell that has nothing but these variables."""
    ended = subprocess.run(
        ["/bin/sh", "-c", server.banner[-1]], env=environment, cwd=server.folder, timeout=30, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended
    return ended.stdout


def streamed(server, text):
    """The text of a streamed answer, and in how many pieces with something in them it came."""
    events = list(server.stream("SendStreamingMessage", message(text)))
    assert state_of(events[-1]["statusUpdate"]) == "COMPLETED", events[-1]
    updates = [event["artifactUpdate"] for event in events if "artifactUpdate" in event]
    pieces = [piece for piece in (text_of(update["artifact"]) for update in updates) if piece]
    return "".join(pieces), len(pieces)


@step
def nothing_set():
    """with no agent, no token and no home a demo answers, and the last line of the first output works as it stands"""
    with Server(API_TOKEN=None, PATH="/nonexistent") as server:
        assert len(server.banner) <= 8, server.banner
        assert any("demo" in line and "inhouse serve -- " in line for line in server.banner), server.banner
        assert "hello" in pasted(server)


@step
def token_given():
    """with API_TOKEN set the pasted command takes it from there, and no file is written"""
    with Server(PYTHON_AGENT, AGENT_INPUT="stdin") as server:
        assert_same(pasted(server, API_TOKEN=server.token).rstrip("\n"), "You said: hello")
        written = [path for folder in (server.home, server.project) for path in folder.rglob("*") if not path.is_dir()]
        assert not written, written


@step
def readme_request():
    """the README's curl line is answered"""
    body = re.search(r"curl .*/a2a.* -d '(.*?)'", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    with Server(PYTHON_AGENT, AGENT_INPUT="stdin") as server, server.post(json.loads(body)) as response:
        expect(json.load(response)["result"]["task"], "COMPLETED", "You said: hello")


@step
def predecessor_request():
    """the request of the predecessor's README is answered in the predecessor's shape, at both addresses"""
    with Server(PYTHON_AGENT, AGENT_INPUT="stdin") as server:
        for number, path in enumerate(["/", "/a2a"]):
            text = [{"type": "text", "text": "Grüße 漢🦀"}]
            task = server.result("tasks/send", {"id": f"task-{number}", "message": {"role": "user", "parts": text}}, path=path)
            assert (task["id"], task["status"]["state"]) == (f"task-{number}", "completed"), task
            for parts in (task["status"]["message"]["parts"], task["artifacts"][0]["parts"]):
                assert parts[0]["type"] == "text", parts
                assert_same(text_of({"parts": parts}).rstrip("\n"), "You said: Grüße 漢🦀")


@step
def node_bot_reading_argv():
    """AGENT_CMD="node my-bot.js": the text is its last argument, the answer streams, a text too long is refused with the cure"""
    with Server(NODE_BOT) as server:
        expect(server.send("--settings=x"), "COMPLETED", "You said:  --settings=x")
        answer, pieces = streamed(server, "Grüße 漢🦀 one two three")
        assert_same(answer, "You said: Grüße 漢🦀 one two three")
        assert pieces > 3, pieces
        task = server.send(LONG)
        expect(task, "FAILED")
        assert "AGENT_INPUT=stdin" in text_of(task["status"]["message"]), task["status"]


@step
def python_agent_reading_stdin():
    """AGENT_CMD="python3 agent.py" with AGENT_INPUT=stdin: 200 KB of multi-byte text come back exactly, and stream exactly"""
    with Server(PYTHON_AGENT, AGENT_INPUT="stdin") as server:
        expect(server.send(LONG), "COMPLETED", f"You said: {LONG}")
        answer, pieces = streamed(server, LONG)
        assert_same(answer, f"You said: {LONG}")
        assert pieces > 1, pieces


@step
def a_server_for_the_team():
    """HOST=0.0.0.0 API_TOKEN=team-secret starts with one line of warning and answers a teammate by the host's name"""
    with Server(PYTHON_AGENT, HOST="0.0.0.0", API_TOKEN="team-secret", AGENT_INPUT="stdin", container="test") as server:
        # How firmly agents can be held is the machine's matter, and is told in the log.
        warnings = [line for line in server.stderr().splitlines() if line.startswith("warning:")]
        assert len(warnings) == 1, server.stderr()
        assert "team-secret" not in "\n".join(server.banner) + server.stderr()
        for host in (socket.gethostname(), "localhost", "10.1.2.3"):
            expect(server.send("hello", host=host), "COMPLETED", "You said: hello")
        with server.post({}, host="evil.example") as response:
            assert response.status == 421, response.status


if __name__ == "__main__":
    sys.exit(1 if step.run() else 0)
