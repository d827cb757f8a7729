#!/usr/bin/env python3
"""The official Python SDK (a2a-sdk), A2A 1.0 over JSON-RPC, against a running server: the steps of steps.txt.

usage: sdk_python.py URL TOKEN PROJECT_FOLDER

Each step is what a program that uses the SDK would write.
"""
import asyncio
import pathlib
import sys
import uuid

import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.client.card_resolver import A2ACardResolver
from a2a.types import a2a_pb2 as a2a
from a2a.utils.errors import A2AError, TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError

FOLDER = pathlib.Path(__file__).resolve().parent
STEP_S_MAX = 60
STATE = a2a.TaskState
TEXT = "".join(f"{number} Grüße, 漢字 und 🦀\n" for number in range(700))


class Client:
    """The SDK's client in its two modes, and the folder in which the agent runs."""

    def __init__(self, url, token, folder):
        self.url, self.folder = url, pathlib.Path(folder)
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=STEP_S_MAX)

    async def connect(self):
        self.card = await A2ACardResolver(self.http, self.url).get_agent_card()
        self.streaming = ClientFactory(ClientConfig(httpx_client=self.http, streaming=True)).create(self.card)
        self.blocking = ClientFactory(ClientConfig(httpx_client=self.http, streaming=False)).create(self.card)
        self.polling = ClientFactory(ClientConfig(httpx_client=self.http, streaming=False, polling=True)).create(self.card)

    async def send(self, text, client=None, **where):
        """Sends a text; the task as the answer shows it."""
        async for event in (client or self.blocking).send_message(message(text, **where)):
            return event.task

    def stream(self, text):
        return self.streaming.send_message(message(text))

    def open_gate(self, name):
        (self.folder / name).write_text("open")


def message(text, **where):
    parts = [a2a.Part(text=text)]
    return a2a.SendMessageRequest(
        message=a2a.Message(message_id=str(uuid.uuid4()), role=a2a.ROLE_USER, parts=parts, **where)
    )


def text_of(holder):
    """The text of a task's artifacts, or of one message or artifact."""
    parts = [part for one in holder.artifacts for part in one.parts] if hasattr(holder, "artifacts") else holder.parts
    return "".join(part.text for part in parts)


def text_of_event(event):
    """The text that an event of a stream adds: a task, which stands first, may have some already."""
    return text_of(event.task) if event.HasField("task") else text_of(event.artifact_update.artifact)


async def refusal(call):
    """The error that the SDK raises for this call."""
    try:
        answer = await call
    except A2AError as error:
        return error
    raise AssertionError(f"not refused: {answer}")


async def card(client):
    interface = client.card.supported_interfaces[0]
    assert (interface.protocol_binding, interface.protocol_version) == ("JSONRPC", "1.0"), interface
    assert client.card.capabilities.streaming and client.card.skills, client.card


async def blocking_send(client):
    task = await client.send(f"say {TEXT}")
    assert task.status.state == STATE.TASK_STATE_COMPLETED, task.status
    assert text_of(task) == TEXT
    assert task.id and task.context_id and task.status.HasField("timestamp"), task


async def streaming_send(client):
    gate, events = f"gate-{uuid.uuid4()}", []
    async for event in client.stream(f"count 200 {gate}"):
        events.append(event)
        client.open_gate(gate)
    kinds = [event.WhichOneof("payload") for event in events]
    assert kinds == ["task"] + ["artifact_update"] * (len(kinds) - 2) + ["status_update"], kinds
    assert events[-1].status_update.status.state == STATE.TASK_STATE_COMPLETED, events[-1]
    chunks = [event.artifact_update for event in events[1:-1]]
    assert [chunk.last_chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True], "only the last chunk is the last"
    begins = [not chunk.append for chunk in chunks]
    assert not any(begins[1:]) and begins[0] == (not events[0].task.artifacts), "only the first piece begins an artifact"
    assert "".join(map(text_of_event, events)) == "".join(f"{number} Zeile 漢🦀\n" for number in range(200))


async def get(client):
    sent = await client.send("say again")
    task = await client.blocking.get_task(a2a.GetTaskRequest(id=sent.id))
    assert (task.id, text_of(task), len(task.history)) == (sent.id, "again", 1), task
    assert text_of(task.history[0]) == "say again"
    short = await client.blocking.get_task(a2a.GetTaskRequest(id=sent.id, history_length=0))
    assert len(short.history) == 0, short


async def list_filters(client):
    context = str(uuid.uuid4())
    done = await client.send("say done", context_id=context)
    asked = await client.send("ask", context_id=context)
    await client.send("say elsewhere")

    async def listed(**filters):
        answer = await client.blocking.list_tasks(a2a.ListTasksRequest(context_id=context, **filters))
        assert answer.total_size == len(answer.tasks), answer
        return [task.id for task in answer.tasks]

    assert sorted(await listed()) == sorted([done.id, asked.id])
    assert await listed(status=STATE.TASK_STATE_COMPLETED) == [done.id]
    assert await listed(status=STATE.TASK_STATE_INPUT_REQUIRED) == [asked.id]
    assert await listed(status=STATE.TASK_STATE_FAILED) == []


async def list_pages(client):
    context = str(uuid.uuid4())
    sent = [(await client.send(f"say {number}", context_id=context)).id for number in range(3)]
    first = await client.blocking.list_tasks(a2a.ListTasksRequest(context_id=context, page_size=2))
    assert (len(first.tasks), first.page_size, first.total_size) == (2, 2, 3) and first.next_page_token, first
    assert not first.tasks[0].artifacts, "artifacts only when asked for"
    second = await client.blocking.list_tasks(
        a2a.ListTasksRequest(context_id=context, page_size=2, page_token=first.next_page_token, include_artifacts=True)
    )
    assert second.next_page_token == "" and text_of(second.tasks[0]) == "0", second
    assert [task.id for task in [*first.tasks, *second.tasks]] == sent[::-1]


async def cancel(client):
    events = client.stream("hang")
    async for event in events:
        task_id = event.task.id or event.artifact_update.task_id
        if "hanging" in text_of_event(event):
            break
    task = await client.blocking.cancel_task(a2a.CancelTaskRequest(id=task_id))
    assert task.status.state == STATE.TASK_STATE_CANCELED, task.status
    rest = [event async for event in events]
    assert rest[-1].status_update.status.state == STATE.TASK_STATE_CANCELED, rest
    error = await refusal(client.blocking.cancel_task(a2a.CancelTaskRequest(id=task_id)))
    assert isinstance(error, TaskNotCancelableError), repr(error)


async def subscribe(client):
    gate = f"gate-{uuid.uuid4()}"
    task = await client.send(f"gate {gate}", client.polling)
    kinds, seen = [], ""
    async for event in client.streaming.subscribe(a2a.SubscribeToTaskRequest(id=task.id)):
        kinds.append(event.WhichOneof("payload"))
        seen += text_of_event(event)
        if seen == "before\n":
            client.open_gate(gate)
    assert kinds[0] == "task" and "task" not in kinds[1:], kinds
    assert seen == "before\nafter\n", seen
    assert event.status_update.status.state == STATE.TASK_STATE_COMPLETED, event


async def unknown_task(client):
    error = await refusal(client.blocking.get_task(a2a.GetTaskRequest(id=str(uuid.uuid4()))))
    assert isinstance(error, TaskNotFoundError) and error.message == "Task not found", repr(error)


async def finished_is_final(client):
    task = await client.send("say done")
    error = await refusal(client.send("say more", task_id=task.id))
    assert isinstance(error, UnsupportedOperationError), repr(error)


async def question(client):
    task = await client.send("ask")
    assert task.status.state == STATE.TASK_STATE_INPUT_REQUIRED, task.status
    assert text_of(task.status.message) == "Which colour?", task.status
    answered = await client.send("blue", task_id=task.id, context_id=task.context_id)
    assert answered.id == task.id and answered.status.state == STATE.TASK_STATE_COMPLETED, answered.status
    assert text_of(answered) == "You chose blue.", answered


async def wrong_token(client):
    async with httpx.AsyncClient(headers={"Authorization": "Bearer wrong"}) as http:
        stranger = ClientFactory(ClientConfig(httpx_client=http, streaming=False)).create(client.card)
        error = await refusal(client.send("say hello", stranger))
        assert "401" in str(error), repr(error)


async def main():
    client = Client(*sys.argv[1:4])
    await client.connect()
    failed = 0
    for line in (FOLDER / "steps.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, promise = line.split(maxsplit=1)
        try:
            await asyncio.wait_for(globals()[name](client), STEP_S_MAX)
            print(f"ok   {name}: {promise}", flush=True)
        except Exception as error:  # a step that fails in any way has failed, and the others still run
            failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {str(error)[:1000]}", flush=True)
    await client.http.aclose()
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
