#!/usr/bin/env python3
"""Lanes `sdk-python`, `sdk-js` and their older ones: an official client SDK against the real server.

usage: sdk_lane.py python|python-0.3|python-0.2|adk|js|js-0.3|rust

Starts the server with the agent agents/desk.py and then the client script, which gets the server's address, a token, the
project folder and a port on which webhooks are received. All of them have steps of steps.txt.
"""
import socket
import subprocess
import sys

from harness import AGENTS, FOLDER, INSTALLED, ROOT, Server

CLIENT_S_MAX = 240
# Signs the card.
KEY = ROOT / "crates/inhouse-serve/tests/keys/p256.pem"
# Each client script, with what runs it and where its packages are.
CLIENTS = {
    "python": ("sdk_python.py", "venv-1"),
    "python-0.3": ("sdk_python_0_3.py", "venv-0.3"),
    "python-0.2": ("sdk_python_0_2.py", "venv-0.2"),
    "adk": ("sdk_adk.py", "venv-adk"),
    "js": ("sdk_js.mjs", "npm"),
    "js-0.3": ("sdk_js_0_3.mjs", "js-0.3"),
    "rust": ("inhouse-interop-rust", "rust/debug"),
}


def client_command(name):
    """How the client script is started with what the lane has installed."""
    script, installed = CLIENTS[name]
    if name == "rust":
        return [str(INSTALLED / installed / script)]
    if script.endswith(".py"):
        return [str(INSTALLED / installed / "bin" / "python"), "-W", "ignore::DeprecationWarning", str(FOLDER / script)]
    return ["node", str(FOLDER / script), str(INSTALLED / installed / "node_modules")]


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
