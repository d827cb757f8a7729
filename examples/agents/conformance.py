#!/usr/bin/env python3
"""An agent that does what it is told, for whoever tests an A2A server or client: every state, artifact and answer of the protocol.

    inhouse serve --input json -- python3 examples/agents/conformance.py

What to do is the first word of the text (`reject`, `slow 20`), or stands in the message's id, as conformance kits have it
(`tck-reject-task-1`). Everything else is echoed.
"""

import base64
import json
import sys
import time


def say(**line):
    print(json.dumps(line), flush=True)


def artifact(*parts, **members):
    say(artifact={"parts": list(parts), **members})


def text_of(message):
    return "\n".join(part["text"] for part in message.get("parts", []) if "text" in part)


def echo(turn, _):
    say(text=text_of(turn["message"]))


def finish(_, words):
    say(status="completed", text=" ".join(words) or "done")


def ask(turn, _):
    if turn["turn"] > 1:
        say(text="you said: " + text_of(turn["message"]))
    else:
        say(status="input-required", text="which one?", data={"options": ["a", "b"]})


def authenticate(turn, _):
    if turn["turn"] > 1:
        say(text="signed in")
    else:
        say(status="auth-required", text="sign in at https://example.com/login")


def reject(_, words):
    say(status="rejected", text=" ".join(words) or "not this")


def fail(_, words):
    say(status="failed", text=" ".join(words) or "it broke")


def direct(_, words):
    say(message={"parts": [{"text": " ".join(words) or "a message without a task"}]})


def several(_, __):
    artifact({"text": "first"}, artifactId="one", name="One")
    artifact({"text": "second"}, artifactId="two", name="Two")


def chunks(_, __):
    artifact({"text": "chunk-1 "}, artifactId="chunked", append=False)
    artifact({"text": "chunk-2"}, artifactId="chunked", append=True, lastChunk=True)


def file(_, __):
    raw = base64.b64encode(b"a file\n").decode()
    artifact({"raw": raw, "filename": "output.txt", "mediaType": "text/plain"})


def link(_, __):
    artifact({"url": "https://example.com/output.txt", "filename": "output.txt", "mediaType": "text/plain"})


def data(_, __):
    artifact({"data": {"key": "value", "count": 42}, "mediaType": "application/json"})


def slow(_, words):
    """`slow 20 0.1`: so many pieces, so many seconds apart."""
    count, pause = int(words[0]) if words else 5, float(words[1]) if len(words) > 1 else 0.2
    for number in range(1, count + 1):
        say(text=f"{number}\n")
        time.sleep(pause)


def wait(_, words):
    say(status="working", text="waiting")
    time.sleep(float(words[0]) if words else 4)


WORDS = {
    "echo": echo, "finish": finish, "ask": ask, "authenticate": authenticate, "reject": reject, "fail": fail,
    "direct": direct, "several": several, "chunks": chunks, "file": file, "link": link, "data": data, "slow": slow,
    "wait": wait,
}  # fmt: skip

# The longest beginning of a message's id decides.
IDS = {
    "tck-input-required": ask, "tck-auth-required": authenticate, "tck-reject-task": reject, "tck-fail-task": fail,
    "tck-message-response": direct, "tck-complete-task": finish, "tck-artifact-file-url": link,
    "tck-artifact-file": file, "tck-artifact-data": data, "tck-stream-artifact-chunked": chunks,
    "tck-stream-artifact-file": file, "tck-stream-artifact-data": data, "test-resubscribe": wait,
}  # fmt: skip


def chosen(message):
    words = text_of(message).split()
    if words and words[0] in WORDS:
        return WORDS[words[0]], words[1:]
    known = [beginning for beginning in IDS if message.get("messageId", "").startswith(beginning)]
    return (IDS[max(known, key=len)], []) if known else (echo, [])


def main():
    turn = json.load(sys.stdin)
    # The message that began the task says what it is about; later ones are answers.
    first = next((message for message in turn.get("history", []) if message["role"] == "ROLE_USER"), turn["message"])
    act, words = chosen(first)
    act(turn, words)


if __name__ == "__main__":
    main()
