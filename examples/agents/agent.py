#!/usr/bin/env python3
"""A full A2A agent in Python: one JSON object comes in on stdin, JSON lines go out on stdout.

Serve it:   AGENT_INPUT=json inhouse serve -- python3 examples/agents/agent.py
Then send:  "count to 5"   text, streamed
            "report"       an artifact with a table and a file
            "order pizza"  a question; answer it with a message on the same task
            "fail"         a failed task
"""
import json
import sys
import time


def say(**line):
    print(json.dumps(line), flush=True)


def texts(message):
    return " ".join(part["text"] for part in message["parts"] if "text" in part)


def count(words):
    last = next((int(word) for word in words if word.isdigit()), 3)
    for number in range(1, min(last, 100) + 1):
        say(text=f"{number}\n")
        time.sleep(0.05)


def report():
    say(status="working", text="adding up", data={"done": 0.5})
    table = {"data": {"rows": [["apples", 3], ["pears", 4]]}}
    say(artifact={"artifactId": "report", "name": "Fruit", "parts": [table]})
    csv = {"raw": "YXBwbGVzLDMKcGVhcnMsNAo=", "filename": "fruit.csv", "mediaType": "text/csv"}
    say(artifact={"artifactId": "report", "append": True, "lastChunk": True, "parts": [csv]})
    say(usage={"inputTokens": 12, "outputTokens": 34, "costUsd": 0.001})


def main():
    turn = json.load(sys.stdin)
    text = texts(turn["message"])
    if turn["history"]:
        say(text=f"One {texts(turn['history'][0]).removeprefix('order ')}, size {text}, is on its way.\n")
    elif text.startswith("count"):
        count(text.split())
    elif text == "report":
        report()
    elif text.startswith("order"):
        say(status="input-required", text="Which size: small, medium or large?")
    elif text == "fail":
        say(status="failed", text="the kitchen is closed")
    else:
        say(text=f"You said: {text}\n")


main()
