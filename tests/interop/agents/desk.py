#!/usr/bin/env python3
"""An agent for the test lanes that speaks the native contract (AGENT_INPUT=json). The first word says what it does:

say TEXT     answers TEXT
count N NAME N lines, one after the other; in the middle it waits until the project folder has a file NAME
gate NAME    says "before", waits until the project folder has a file NAME, says "after"
hang         says "hanging" and then nothing more
ask          asks for a colour; the next message of the same task is the answer
"""
import json
import os
import sys
import time

WAIT_S_MAX = 60


def say(**line):
    print(json.dumps(line), flush=True)


def wait_for(condition):
    deadline = time.monotonic() + WAIT_S_MAX
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def main():
    turn = json.load(sys.stdin)
    text = "".join(part.get("text", "") for part in turn["message"]["parts"])
    word, _, rest = text.partition(" ")
    if turn["turn"] > 1:
        say(text=f"You chose {text}.")
    elif word == "say":
        say(text=rest)
    elif word == "count":
        last, name = rest.split()
        for number in range(int(last)):
            if number == int(last) // 2:
                wait_for(lambda: os.path.exists(name))
            say(text=f"{number} Zeile 漢🦀\n")
    elif word == "gate":
        say(text="before\n")
        wait_for(lambda: os.path.exists(rest))
        say(text="after\n")
    elif word == "hang":
        say(text="hanging\n")
        wait_for(lambda: False)
    elif word == "ask":
        say(status="input-required", text="Which colour?")
    else:
        say(status="failed", text=f"no such word: {word}")


main()
