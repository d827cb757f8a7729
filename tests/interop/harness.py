"""What the test lanes share: the real server in a clean environment, a plain JSON-RPC client, and steps that are counted.

Only Python's standard library. Nothing here leaves loopback, and every wait has a deadline.
"""
import base64
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
import uuid

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
AGENTS = FOLDER / "agents"
# What the lanes have installed, and the server that they try; both are set by `cargo xtask test`.
INSTALLED = pathlib.Path(os.environ.get("INTEROP_DIR", ROOT / "target" / "interop"))
BINARY = os.environ.get("INHOUSE_BIN", str(ROOT / "target" / "release" / "inhouse"))
TOKEN = "a-token-of-the-test-lanes-0123456789"
ANSWER_S_MAX = 60

# Asked to end, a script leaves its blocks, and they stop what they have started.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def multibyte(byte_count):
    """A text of at least so many bytes, every line another one, in which many characters have two, three or four of them."""
    lines, size = [], 0
    while size < byte_count:
        lines.append(f'{len(lines)} Grüße, 漢字 und 🦀 "\\" \t ende')
        size += len(lines[-1].encode()) + 1
    return "\n".join(lines)


def wait_until(condition, seconds, what):
    """Waits until `condition()` is true and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return value


class Server:
    """`inhouse serve` with an empty HOME, a project folder with nothing but a config, and no environment but PATH and what is given.

    As a context manager: it is stopped, by its process id, at the end of the block.
    """

    def __init__(self, agent=None, config=None, **environment):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="inhouse-lane-"))
        self.home, self.project = self.folder / "home", self.folder / "project"
        self.home.mkdir()
        self.project.mkdir()
        if config:
            (self.project / "inhouse.toml").write_text(config)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "HOST": "127.0.0.1", "PORT": "0"}
        self.environment.update(API_TOKEN=TOKEN, RATE_LIMIT_RPM="10000")
        if agent:
            self.environment["AGENT_CMD"] = agent
        # None takes a variable away.
        self.environment = {name: value for name, value in (self.environment | environment).items() if value is not None}
        self.token = self.environment.get("API_TOKEN")

    def __enter__(self):
        with open(self.folder / "stdout", "wb") as stdout, open(self.folder / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                [BINARY, "serve"], cwd=self.project, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            )
        try:
            # The last line of the first output is a command that begins with the server's address.
            self.banner = wait_until(self._whole_banner, 20, "the server's first output")
        except AssertionError as error:
            said = self.stderr()
            self.__exit__()
            raise AssertionError(f"{error}\n{said}") from None
        self.url = self.banner[-1].split()[0].removeprefix("INHOUSE_URL=")
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    def _whole_banner(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended at once with code {self.process.returncode}")
        text = (self.folder / "stdout").read_text()
        lines = text.splitlines()
        return lines if text.endswith("\n") and lines[-1].startswith("INHOUSE_URL=") else None

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)
        shutil.rmtree(self.folder, ignore_errors=True)

    def stderr(self):
        """What the server has logged."""
        return (self.folder / "stderr").read_text(errors="replace")

    def post(self, body, path="/a2a", host=None):
        """A POST with the token, perhaps by another host name: the open response."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if host:
            headers["Host"] = f"{host}:{self.port}"
        data = json.dumps(body, ensure_ascii=False).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        try:
            return urllib.request.urlopen(request, timeout=ANSWER_S_MAX)
        except urllib.error.HTTPError as error:
            return error

    def call(self, method, params, **where):
        """A JSON-RPC call: the whole answer."""
        with self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, **where) as response:
            return json.load(response)

    def result(self, method, params, **where):
        """A JSON-RPC call that has a result."""
        answer = self.call(method, params, **where)
        assert "result" in answer, f"{method}: {answer}"
        return answer["result"]

    def stream(self, method, params):
        """A JSON-RPC call that is answered by a stream: one result after another."""
        with self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) as response:
            for line in response:
                if line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    assert "result" in event, event
                    yield event["result"]

    def send(self, text, **where):
        """Sends a text and waits for the end of its task."""
        return self.result("SendMessage", message(text), **where)["task"]

    def start(self, text):
        """Sends a text and does not wait: the task's id."""
        params = message(text) | {"configuration": {"returnImmediately": True}}
        return self.result("SendMessage", params)["task"]["id"]

    def task(self, task_id):
        """The task as it is now."""
        return self.result("GetTask", {"id": task_id})


def runs_of(server):
    """The processes of this server's agents: what has its HOME, but for the server's own program."""
    ours, found = os.path.realpath(f"/proc/{server.process.pid}/exe"), []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            if f"HOME={server.home}".encode() in variables and os.path.realpath(folder / "exe") != ours:
                found.append((folder.name, (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:80]))
        except OSError:
            continue  # it has ended meanwhile
    return found


class Runs:
    """The processes of a server's agents beside those that it keeps at this moment for the next turns of their contexts."""

    def __init__(self, server):
        self.server, self.kept = server, set(runs_of(server))

    def new(self):
        return set(runs_of(self.server)) - self.kept

    def kill(self):
        for pid, _ in self.new():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass  # its parent's end was its own
        self.wait_for_the_end(2)

    def wait_for_the_end(self, seconds):
        wait_until(lambda: not self.new(), seconds, f"an end of {self.new()}")


def make_repository(folder):
    """A git repository with one commit, of one file."""
    (folder / "kept.txt").write_text("as it was\n")
    identity = ["-c", "user.name=lane", "-c", "user.email=lane@localhost"]
    for words in (["init", "-q"], ["add", "kept.txt"], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True, env={"PATH": os.environ["PATH"], "HOME": str(folder.parent / "home")})


def expect_patch(server, task, name, text):
    """The task gives back a new file of this name, and a patch by which it comes into the project."""
    changes = next(artifact for artifact in task["artifacts"] if artifact.get("name") == "changes")
    told = changes["metadata"]["changes"]
    assert {"path": name, "status": "added"} in told["files"] and told["branch"].startswith("inhouse/"), told
    files = {part["filename"]: base64.b64decode(part["raw"]) for part in changes["parts"]}
    assert files[name].decode() == text, files
    assert not (server.project / name).exists(), "the project is as it was"
    subprocess.run(["git", "apply", "-"], input=files["changes.patch"], cwd=server.project, check=True)
    assert_same((server.project / name).read_text(), text)


def nowhere():
    """The address of a provider that is down: nothing listens there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def expect_outage(server, timeout_ms):
    """Without a provider a task fails with a reason, by the agent's word or when its time is over, and its processes end."""
    runs, begin = Runs(server), time.monotonic()
    task = server.send("hello")
    expect(task, "FAILED")
    reason = task["status"]["message"]["metadata"]["reason"]
    assert reason in ("provider_failed", "agent_failed", "timeout"), task["status"]
    assert time.monotonic() - begin < timeout_ms / 1000 + 10, "it takes longer than it may"
    runs.wait_for_the_end(2)


def cancel_during(server, command_text, mark):
    """A tool that runs, with a child in a session of its own, is over two seconds after its task was canceled."""
    runs = Runs(server)
    task = server.send(command_text)
    if state_of(task) == "INPUT_REQUIRED":
        request_of(task)
        params = message("yes") | {"configuration": {"returnImmediately": True}}
        params["message"]["taskId"] = task["id"]
        server.result("SendMessage", params)
    wait_until(lambda: any(mark in command for _, command in runs.new()), 30, "the tool's processes")
    expect(server.result("CancelTask", {"id": task["id"]}), "CANCELED")
    runs.wait_for_the_end(2)


def message(text):
    """The parameters of a send."""
    return {"message": {"messageId": str(uuid.uuid4()), "role": "ROLE_USER", "parts": [{"text": text}]}}


def text_of(holder):
    """The text of a task's artifacts, or of a message."""
    parts = holder.get("parts") or [part for one in holder.get("artifacts", []) for part in one["parts"]]
    return "".join(part.get("text", "") for part in parts)


def state_of(task):
    """The task's state without its prefix."""
    return task["status"]["state"].removeprefix("TASK_STATE_")


def expect(task, state, text=None):
    """The task has ended in this state and, unless the text is None, says exactly this."""
    assert state_of(task) == state, f"{state_of(task)}, not {state}: {task['status']}"
    if text is not None:
        assert_same(text_of(task), text)


def assert_same(got, wanted):
    """Two texts are equal; if not, says where they begin to differ."""
    if got != wanted:
        same = len(os.path.commonprefix([got, wanted]))
        around = slice(max(0, same - 10), same + 40)
        raise AssertionError(f"{len(got)} characters, not {len(wanted)}; from {same} on {got[around]!r}, not {wanted[around]!r}")


def use(tool, **tool_input):
    """A text on which the model uses a tool."""
    return "MODEL_TOOL{%s} %s" % (tool, json.dumps(tool_input))


def request_of(task):
    """What the agent asks in a task that waits for its caller."""
    expect(task, "INPUT_REQUIRED")
    return next(part["data"]["request"] for part in task["status"]["message"]["parts"] if "data" in part)


def answer(server, task, text=None, **data):
    """Says something to a task that asks; what becomes of it."""
    params = message(text or "")
    params["message"]["taskId"] = task["id"]
    if not text:
        params["message"]["parts"] = [{"data": data}]
    return server.result("SendMessage", params)["task"]


def said_together(model, *texts):
    """Whether one request to the model held all of these texts."""
    return any(all(text.encode() in request for text in texts) for request in list(model.requests))


def send_in(server, context, text):
    """Sends a text in a conversation, and expects its end."""
    params = message(text)
    params["message"]["contextId"] = context
    task = server.result("SendMessage", params)["task"]
    expect(task, "COMPLETED")
    return task


class NotTested(Exception):
    """What a step can not show here, and why."""


class Steps:
    """The steps of a lane, in the order in which they are written. Each prints one line, `ok` or `FAIL`."""

    def __init__(self):
        self.steps = []

    def __call__(self, function):
        """Decorator: the function is a step, its doc string is the promise."""
        self.steps.append(function)
        return function

    def run(self, *arguments, prefix=None):
        """Runs all; returns how many failed. The prefix stands before the name of each."""
        return sum(not self._one(step, arguments, f"{prefix} " if prefix else "") for step in self.steps)

    @staticmethod
    def _one(step, arguments, prefix):
        try:
            step(*arguments)
        except NotTested as why:
            print(f"NOT TESTED {prefix}{step.__name__}: {why}", flush=True)
            return True
        except Exception as error:  # a step that fails in any way has failed, and the others still run
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAIL {prefix}{step.__name__}: {type(error).__name__}: {error} ({pathlib.Path(where.filename).name}:{where.lineno})", flush=True)
            return False
        print(f"ok   {prefix}{step.__name__}: {step.__doc__}", flush=True)
        return True
