#!/usr/bin/env python3
"""Lane `clis`: the published Codex, Gemini CLI, opencode and Qwen Code behind the real server, each as AGENT_CMD names it, with a
model of our own on loopback.

Each has an empty HOME but for the settings with which its user would point it at a provider, and an invented key.
"""
import base64
import json
import os
import sys
import time

from fake_model import FakeModel
from fake_providers import Providers
from harness import (
    INSTALLED, NotTested, Runs, Server, Steps, answer, assert_same, cancel_during, expect, expect_outage, expect_patch, make_repository, message, multibyte,
    nowhere, request_of, said_together, state_of, text_of, use, wait_until,
)

FAILURE_S_MAX = 60
GONE_S_MAX = 2
OUTAGE_MS_MAX = 20_000
SIGILS = [
    "/config verbose=true", "/help", "$help", "/init", "/status", "@/etc/hostname", "!touch PWNED", "--settings={\"a\":1}", "--version",
    "-p", "- item",
]

# How each of them is made to run a command.
SHELLS = {
    "codex": lambda command: use("exec_command", cmd=command),
    "gemini": lambda command: use("run_shell_command", command=command, description="makes a file"),
    "opencode": lambda command: use("bash", command=command, description="makes a file"),
    "qwen": lambda command: use("run_shell_command", command=command, description="makes a file"),
}
# Those of them that can resume a session. Gemini CLI empties it when it is to be resumed.
REMEMBERING = ["codex", "opencode", "qwen"]
# A picture of one point.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
GONE = "the earlier conversation can not be resumed: a new one begins"
# Those that take the model for one that sees. Qwen Code goes by its name.
SEEING = ["codex", "gemini", "opencode"]

step = Steps()
dialogue_step = Steps()
own_server_step = Steps()
opencode_step = Steps()


class Cli:
    """One of the programs: how its user has set it up, and what it needs of the server."""

    def __init__(self, name, files=None, **environment):
        self.name, self.files, self.environment = name, files or {}, environment

    def server(self, config=None):
        agent = None if config else self.name
        server = Server(agent, config, REQUEST_TIMEOUT_MS=str(FAILURE_S_MAX * 1000), **self.environment)
        for path, text in self.files.items():
            file = server.home / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return server


def clis(url):
    """All of them, pointed at the model."""
    codex = f"""
model = "fake"
model_provider = "fake"
[model_providers.fake]
name = "fake"
base_url = "{url}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""
    gemini = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    opencode = {
        "model": "anthropic/claude-sonnet-4-5",
        "small_model": "anthropic/claude-sonnet-4-5",
        "provider": {"anthropic": {"options": {"baseURL": f"{url}/v1", "apiKey": "invented"}}},
    }
    return [
        Cli("codex", {".codex/config.toml": codex}, OPENAI_API_KEY="invented"),
        Cli("gemini", {".gemini/settings.json": json.dumps(gemini)}, GEMINI_API_KEY="invented", GOOGLE_GEMINI_BASE_URL=url),
        Cli("opencode", {".config/opencode/opencode.json": json.dumps(opencode)}),
        Cli("qwen", OPENAI_API_KEY="invented", OPENAI_BASE_URL=f"{url}/v1", OPENAI_MODEL="fake"),
    ]


def heard(model, text):
    """Whether the text has come through to the byte: as JSON writes it, since programs put words of their own around it."""
    for ensure_ascii in (False, True):
        if model.has_heard_of(json.dumps(text, ensure_ascii=ensure_ascii)[1:-1]):
            return True
    return False


@step
def is_started_by_its_name(server, model):
    """its name in AGENT_CMD serves it, and the first output is short"""
    assert len(server.banner) <= 8 and any(line.startswith("agent") for line in server.banner), server.banner


@step
def plain_send(server, model):
    """a text gets the model's answer"""
    task = server.send("hello, Grüße 漢🦀")
    expect(task, "COMPLETED")
    assert "The model has read" in text_of(task) and heard(model, "hello, Grüße 漢🦀"), text_of(task)


@opencode_step
def what_a_project_says_is_not_run(server, model):
    """servers and tools in a project, which another caller's turn may have left there, are not run"""
    servers = {"planted": {"type": "local", "command": ["sh", "-c", "touch PWNED; cat"], "enabled": True}}
    planted = server.project / "opencode.json"
    planted.write_text(json.dumps({"mcp": servers}))
    tool = server.project / ".opencode" / "tool" / "planted.js"
    tool.parent.mkdir(parents=True, exist_ok=True)
    tool.write_text("import { writeFileSync } from 'node:fs'; writeFileSync('PWNED', ''); export default { description: '', args: {}, execute() {} };")
    expect(server.send("hello once more"), "COMPLETED")
    assert not list(server.project.rglob("PWNED"))
    planted.unlink()
    tool.unlink()


@step
def two_hundred_kilobytes_in(server, model):
    """200 KB of multi-byte text reach the model to the byte"""
    text = multibyte(200_000)
    expect(server.send(text), "COMPLETED")
    assert heard(model, text), "the model has not heard it as it is"


@step
def sigils_are_text(server, model):
    """flags, slash commands, file references and shell escapes reach the model as text and do nothing"""
    for text in SIGILS:
        expect(server.send(text), "COMPLETED")
        assert heard(model, text), f"the model has not heard {text!r}"
    assert not (server.project / "PWNED").exists() and not (server.home / "PWNED").exists()


@step
def a_refused_key_is_a_failure_in_time(server, model):
    """HTTP 401 of the model is a failed task with a reason, within its time"""
    begin = time.monotonic()
    task = server.send("MODEL_HTTP{401}")
    expect(task, "FAILED")
    assert task["status"]["message"]["metadata"]["reason"], task["status"]
    assert time.monotonic() - begin < FAILURE_S_MAX + 10


@step
def a_cut_stream_is_no_answer(server, model):
    """an answer that breaks off is told whole in the end, or fails with a reason; half of it is never a success"""
    task = server.send("MODEL_CUT")
    if state_of(task) == "COMPLETED":
        assert text_of(task).count("The model has read") == 1 and text_of(task).rstrip().endswith("bytes."), text_of(task)
    else:
        expect(task, "FAILED")
        assert task["status"]["message"]["metadata"]["reason"], task["status"]


@step
def cancel_ends_the_run(server, model):
    """a canceled task is CANCELED, and two seconds later no process of its run is alive"""
    runs = Runs(server)
    task_id = server.start("MODEL_SLOW")
    wait_until(lambda: model.has_heard_of("MODEL_SLOW"), 40, "the model's first words")
    assert runs.new(), "a running turn has processes"
    expect(server.result("CancelTask", {"id": task_id}), "CANCELED")
    runs.wait_for_the_end(GONE_S_MAX)


@dialogue_step
def an_image_reaches_the_model(server, model, name):
    """a picture of the caller's comes through to the model as it is"""
    if name not in SEEING:
        raise NotTested("it takes no pictures from a message")
    params = message("what is on it?")
    params["message"]["parts"].append({"raw": PIXEL, "mediaType": "image/png"})
    expect(server.result("SendMessage", params)["task"], "COMPLETED")
    assert model.has_heard_of(PIXEL), "the model has not seen it"


@dialogue_step
def a_text_file_reaches_the_model(server, model, name):
    """a file of text comes through: as a resource, or in a folder that the agent's tools can read"""
    params = message(SHELLS[name]("cat MODEL_FILE") if name == "codex" else "what is in it?")
    params["message"]["parts"].append({"raw": base64.b64encode(b"a;canary-88").decode(), "mediaType": "text/csv"})
    task = server.result("SendMessage", params)["task"]
    if name == "codex" and state_of(task) == "INPUT_REQUIRED":
        task = answer(server, task, "yes")
    expect(task, "COMPLETED")
    assert model.has_heard_of("canary-88"), "the model has not seen it"


@dialogue_step
def a_document_reaches_the_agent(server, model, name):
    """a PDF comes through, or its place is told"""
    params = message("what is in it?")
    pdf = base64.b64encode(b"%PDF-1.4 canary-89").decode()
    params["message"]["parts"].append({"raw": pdf, "mediaType": "application/pdf"})
    expect(server.result("SendMessage", params)["task"], "COMPLETED")
    assert model.has_heard_of(pdf) or model.has_heard_of("/file-1.pdf (application/pdf"), "nobody told the model of it"


@dialogue_step
def a_context_is_remembered(server, model, name):
    """where its process has ended, a second message in the same context goes on with the conversation, or says that it can not; another context knows nothing of it"""
    runs = Runs(server)
    context = server.send("the first word is alpha-7")["contextId"]
    runs.kill()
    params = message("and the second is beta-7")
    params["message"]["contextId"] = context
    events = list(server.stream("SendStreamingMessage", params))
    assert state_of(events[-1]["statusUpdate"]) == "COMPLETED", events[-1]
    said = "".join(text_of(event["artifactUpdate"]["artifact"]) for event in events if "artifactUpdate" in event)
    assert said.count("The model has read") == 1, said
    remembers = name in REMEMBERING
    assert (said_together(model, "alpha-7", "beta-7"), GONE in json.dumps(events)) == (remembers, not remembers), events
    server.send("elsewhere: gamma-7")
    assert not said_together(model, "alpha-7", "gamma-7")


@dialogue_step
def a_context_keeps_its_process(server, model, name):
    """in the same context the same processes answer, remember and use tools"""
    runs = Runs(server)
    context = server.send("the first word is delta-7")["contextId"]
    kept = runs.new()
    assert kept, "the processes stay"
    for number in (1, 2):
        params = message(SHELLS[name](f"touch kept-{number}.txt"))
        params["message"]["contextId"] = context
        task = server.result("SendMessage", params)["task"]
        request_of(task)
        expect(answer(server, task, "yes"), "COMPLETED")
        wait_until((server.project / f"kept-{number}.txt").exists, 5, "the file")
        assert_same(sorted(runs.new()), sorted(kept))
    params = message("and the second is epsilon-7")
    params["message"]["contextId"] = context
    expect(server.result("SendMessage", params)["task"], "COMPLETED")
    assert said_together(model, "delta-7", "epsilon-7")
    assert_same(sorted(runs.new()), sorted(kept))


@dialogue_step
def leave_is_asked_and_given(server, model, name):
    """a command makes the task wait; allowed, it runs"""
    task = server.send(SHELLS[name]("touch allowed.txt"))
    request = request_of(task)
    assert (request["tool"], request["kind"]) == ("execute", "permission") and "touch allowed.txt" in json.dumps(request), request
    assert not (server.project / "allowed.txt").exists()
    expect(answer(server, task, "yes"), "COMPLETED")
    assert (server.project / "allowed.txt").exists()


@dialogue_step
def leave_is_refused(server, model, name):
    """a no is a no, and the turn goes on"""
    done = answer(server, server.send(SHELLS[name]("touch denied.txt")), "no")
    expect(done, "COMPLETED")
    assert not (server.project / "denied.txt").exists()


@dialogue_step
def cancel_while_it_asks(server, model, name):
    """a task that waits for an answer can be canceled, and nothing of it is left"""
    runs = Runs(server)
    task = server.send(SHELLS[name]("touch never.txt"))
    request_of(task)
    expect(server.result("CancelTask", {"id": task["id"]}), "CANCELED")
    runs.wait_for_the_end(GONE_S_MAX)
    assert not (server.project / "never.txt").exists()


@dialogue_step
def cancel_during_a_tool(server, model, name):
    """while a tool runs a task can be canceled, and nothing of it is left, however it was started"""
    cancel_during(server, SHELLS[name]("setsid sleep 1234 & sleep 4321"), "sleep 4321")


@own_server_step
def a_file_comes_back_as_a_patch(cli):
    """in a worktree, what it has written is a patch and a file of the task, and the project stays as it was"""
    config = f'[agents.{cli.name}]\npreset = "{cli.name}"\nworkspace = "worktree"\n'
    server = cli.server(config)
    make_repository(server.project)
    with server:
        task = server.send(SHELLS[cli.name]("printf written > new.txt"))
        request_of(task)
        done = answer(server, task, "yes")
        expect(done, "COMPLETED")
        expect_patch(server, done, "new.txt", "written")


@own_server_step
def an_absent_provider_is_a_failure_in_time(cli):
    """a model that can not be reached is a failed task with a reason, within the agent's time; nothing of it is left"""
    config = f'[agents.{cli.name}]\npreset = "{cli.name}"\ntimeout_ms = {OUTAGE_MS_MAX}\n'
    cut_off = next(other for other in clis(nowhere()) if other.name == cli.name)
    with cut_off.server(config) as server:
        expect_outage(server, OUTAGE_MS_MAX)


def main():
    binaries = INSTALLED / "clis" / "node_modules" / ".bin"
    os.environ["PATH"] = f"{binaries}:{os.environ['PATH']}"
    failed, only = 0, sys.argv[1:]
    for name in [cli.name for cli in clis("")]:
        if only and name not in only:
            continue
        with FakeModel(Providers) as model:
            cli = next(cli for cli in clis(model.url) if cli.name == name)
            with cli.server() as server:
                ended = step.run(server, model, prefix=name)
                ended += dialogue_step.run(server, model, name, prefix=name)
                ended += opencode_step.run(server, model, prefix=name) if name == "opencode" else 0
                if ended:
                    print(server.stderr()[-3000:], file=sys.stderr)
                failed += ended
            failed += own_server_step.run(cli, prefix=name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
