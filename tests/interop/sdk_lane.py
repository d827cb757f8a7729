#!/usr/bin/env python3
"""Lanes `sdk-python` and `sdk-js`: the official client SDK of a language against the real server.

usage: sdk_lane.py python|js

Starts the server with the agent agents/desk.py and then the client script, which gets the server's address, a token, the
project folder and a port on which webhooks are received. Both client scripts have the steps of steps.txt.
"""
import socket
import subprocess
import sys

from harness import AGENTS, FOLDER, INSTALLED, ROOT, Server

CLIENT_S_MAX = 240
# Signs the card.
KEY = ROOT / "crates/inhouse-serve/tests/keys/p256.pem"


def client_command(language):
    """How the client script is started with what the lane has installed."""
    if language == "python":
        return [str(INSTALLED / "venv" / "bin" / "python"), str(FOLDER / "sdk_python.py")]
    return ["node", str(FOLDER / "sdk_js.mjs"), str(INSTALLED / "npm" / "node_modules")]


def free_port():
    """One on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    command = client_command(sys.argv[1])
    port = free_port()
    config = f'[push]\nallow = ["localhost:{port}"]\n[card]\nsigning_key = "{KEY}"\n'
    with Server(f"{sys.executable} {AGENTS / 'desk.py'}", config, AGENT_INPUT="json") as server:
        arguments = [server.url, server.token, str(server.project), str(port)]
        ended = subprocess.run([*command, *arguments], timeout=CLIENT_S_MAX)
        if ended.returncode:
            print(server.stderr()[-4000:], file=sys.stderr)
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
