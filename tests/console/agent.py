#!/usr/bin/env python3
"""An agent of the Agent Client Protocol that plays what the console has to show. The first word of the text says what: `slow 20 0.1`
writes so many pieces, `ask` wants leave to run a command, `work` plans, uses tools and changes files, `fail` fails, and everything
else is repeated."""

import json
import pathlib
import sys
import time

SESSION = "console"
WAITING = {}


def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def update(what, **members):
    send(method="session/update", params={"sessionId": SESSION, "update": {"sessionUpdate": what, **members}})


def say(text):
    update("agent_message_chunk", content={"type": "text", "text": text})


def tool(number, title, kind):
    update("tool_call", toolCallId=f"call-{number}", title=title, kind=kind, status="in_progress")
    update("tool_call_update", toolCallId=f"call-{number}", status="completed")


def read():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def permission(title, command):
    """Asks, and waits for the answer; a cancel of the turn is one as well."""
    options = [
        {"optionId": "once", "name": "Allow once", "kind": "allow_once"},
        {"optionId": "always", "name": "Always allow", "kind": "allow_always"},
        {"optionId": "no", "name": "Deny", "kind": "reject_once"},
    ]
    call = {"toolCallId": "call-asked", "title": title, "kind": "execute", "rawInput": {"command": command}}
    send(id=7, method="session/request_permission", params={"sessionId": SESSION, "toolCall": call, "options": options})
    while True:
        message = read()
        if message.get("id") == 7:
            return message["result"]["outcome"].get("optionId", "cancelled")


def slow(words):
    count, pause = int(words[0]) if words else 20, float(words[1]) if len(words) > 1 else 0.1
    for number in range(1, count + 1):
        say(f"piece {number}\n")
        time.sleep(pause)


def ask(words):
    command = " ".join(words) or "rm -rf build && cargo build --release"
    chosen = permission(command, command)
    say(f"The answer was {chosen}.\n")


def work(_):
    plan = ["Read the invoices module", "Round only the total", "Run the tests"]
    for done in range(len(plan) + 1):
        states = ["completed"] * done + ["in_progress"] + ["pending"] * len(plan)
        entries = [{"content": text, "priority": "medium", "status": state} for text, state in zip(plan, states)]
        update("plan", entries=entries)
        if done < len(plan):
            tool(done, ["invoices.py", "invoices.py", "python3 -m unittest"][done], ["read", "edit", "execute"][done])
        time.sleep(0.2)
    file = pathlib.Path("invoices.py")
    if file.exists():
        file.write_text(file.read_text().replace("sum(round(line, 2) for line in lines)", "round(sum(lines), 2)"))
        pathlib.Path("test_invoices.py").write_text("from invoices import total\n\n\ndef test_total():\n    assert total([0.005] * 4) == 0.02\n")
    say("Each line was rounded to cents before the sum, so four half cents became four cents or none.\n\n"
        "I now round the total alone, and added a test with four half cents.\n")


def fail(_):
    sys.exit("the kitchen is closed")


def turn(text):
    word, *words = text.split() or [""]
    play = {"slow": slow, "ask": ask, "work": work, "fail": fail}.get(word)
    if play:
        play(words)
    else:
        say(text)


def main():
    while True:
        message = read()
        method, id = message.get("method"), message.get("id")
        if method == "initialize":
            send(id=id, result={"protocolVersion": 1, "agentCapabilities": {"promptCapabilities": {}}, "authMethods": []})
        elif method == "session/new":
            send(id=id, result={"sessionId": SESSION})
        elif method == "session/prompt":
            # The first and the last block are the server's own.
            turn("".join(part.get("text", "") for part in message["params"]["prompt"][1:-1]).strip())
            send(id=id, result={"stopReason": "end_turn"})
        elif id is not None:
            send(id=id, error={"code": -32601, "message": "no such method"})


main()
