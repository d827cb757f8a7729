#!/usr/bin/env python3
"""The official Python SDK (a2a-sdk) against a running server: the steps of steps.txt, over each binding in each version.

usage: sdk_python.py URL TOKEN PROJECT_FOLDER WEBHOOK_PORT

Each step is what a program that uses the SDK would write.
"""
import asyncio
import pathlib
import sys
import uuid

import grpc
import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.client.card_resolver import A2ACardResolver
from a2a.types import a2a_pb2 as a2a
from a2a.utils.errors import A2AError, TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError
from a2a.utils.signing import InvalidSignaturesError, create_signature_verifier
from google.protobuf import json_format
from jwt import PyJWK

from receiver import Receiver
from sdk_steps import STEP_S_MAX, TEXT, bearer, run

STATE = a2a.TaskState
DOORS = [(binding, version) for version in ("1.0", "0.3") for binding in ("JSONRPC", "HTTP+JSON", "GRPC")]
# What 0.3 has no words for.
ONLY_1_0 = {"list_filters", "list_pages"}
RECEIVER = Receiver(int(sys.argv[4]))


class Client:
    """The SDK's client in its modes over one binding, and the folder in which the agent runs."""

    def __init__(self, url, token, folder, binding, version):
        self.url, self.token, self.folder = url, token, pathlib.Path(folder)
        self.binding, self.version = binding, version
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=STEP_S_MAX)

    async def connect(self):
        self.public = await A2ACardResolver(self.http, self.url).get_agent_card()
        known = ClientFactory(ClientConfig(httpx_client=self.http)).create(self.public)
        self.card = await known.get_extended_agent_card(a2a.GetExtendedAgentCardRequest())
        chosen = [
            interface
            for interface in self.card.supported_interfaces
            if (interface.protocol_binding, interface.protocol_version) == (self.binding, self.version)
        ]
        assert len(chosen) == 1, self.card.supported_interfaces
        del self.card.supported_interfaces[:]
        self.card.supported_interfaces.extend(chosen)
        self.streaming = self.create(streaming=True)
        self.blocking = self.create(streaming=False)
        self.polling = self.create(streaming=False, polling=True)

    def create(self, http=None, token=None, **config):
        channel = lambda url: grpc.aio.insecure_channel(url, interceptors=bearer(token or self.token))
        bindings = [self.binding]
        return ClientFactory(
            ClientConfig(httpx_client=http or self.http, grpc_channel_factory=channel, supported_protocol_bindings=bindings, **config)
        ).create(self.card)

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
    interface = client.public.supported_interfaces[0]
    assert (interface.protocol_binding, interface.protocol_version) == ("JSONRPC", "1.0"), interface
    assert client.public.capabilities.streaming and client.public.skills, client.public
    assert "GRPC" not in {interface.protocol_binding for interface in client.public.supported_interfaces}


async def signed_card(client):
    keys = (await client.http.get(f"{client.url}/.well-known/jwks.json")).json()["keys"]
    verify = create_signature_verifier(lambda kid, _: next(PyJWK(key) for key in keys if key["kid"] == kid), ["ES256"])
    card = await A2ACardResolver(client.http, client.url).get_agent_card()
    verify(card)
    card.name = "Mallory"
    try:
        verify(card)
    except InvalidSignaturesError:
        return
    raise AssertionError("a changed card was verified")


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
    # The service of 0.3 can not tell none from any.
    assert len(short.history) == (1 if (client.binding, client.version) == ("GRPC", "0.3") else 0), short


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


async def push_configs(client):
    task = await client.send("ask")
    info = a2a.AuthenticationInfo(scheme="Bearer", credentials="secret")
    made = await client.blocking.create_task_push_notification_config(
        a2a.TaskPushNotificationConfig(task_id=task.id, id="one", url=RECEIVER.url, token="t", authentication=info)
    )
    assert (made.task_id, made.id, made.url, made.token) == (task.id, "one", RECEIVER.url, "t"), made
    which = {"task_id": task.id, "id": "one"}
    got = await client.blocking.get_task_push_notification_config(a2a.GetTaskPushNotificationConfigRequest(**which))
    assert got == made and got.authentication.scheme == "Bearer" and not got.authentication.credentials, got
    list_all = lambda: client.blocking.list_task_push_notification_configs(
        a2a.ListTaskPushNotificationConfigsRequest(task_id=task.id)
    )
    if (client.binding, client.version) == ("HTTP+JSON", "0.3"):
        return  # there the SDK itself has no more
    assert [config.id for config in (await list_all()).configs] == ["one"]
    await client.blocking.delete_task_push_notification_config(a2a.DeleteTaskPushNotificationConfigRequest(**which))
    assert not (await list_all()).configs
    error = await refusal(
        client.blocking.get_task_push_notification_config(a2a.GetTaskPushNotificationConfigRequest(**which))
    )
    assert isinstance(error, TaskNotFoundError), repr(error)


async def webhook(client):
    token, request = str(uuid.uuid4()), message("say told")
    request.configuration.task_push_notification_config.url = RECEIVER.url
    request.configuration.task_push_notification_config.token = token
    async for event in client.blocking.send_message(request):
        task = event.task

    def fits(headers, body):
        if headers.get("x-a2a-notification-token") != token:
            return False
        if client.version == "0.3":
            return body["kind"] == "task" and (body["id"], body["status"]["state"]) == (task.id, "completed")
        response = json_format.ParseDict(body, a2a.StreamResponse())
        over = response.task if response.HasField("task") else response.status_update
        return over.status.state == STATE.TASK_STATE_COMPLETED

    await asyncio.to_thread(RECEIVER.wait_for, fits)


async def wrong_token(client):
    async with httpx.AsyncClient(headers={"Authorization": "Bearer wrong"}) as http:
        stranger = client.create(http, "wrong", streaming=False)
        try:
            answer = await client.send("say hello", stranger)
        except Exception as error:  # each binding of the SDK has an error of its own for this
            assert "401" in str(error) or "UNAUTHENTICATED" in str(error) or "authorization" in str(error).lower(), repr(error)
        else:
            raise AssertionError(f"not refused: {answer}")


async def main():
    failed = 0
    for binding, version in DOORS:
        client = Client(*sys.argv[1:4], binding, version)
        await client.connect()
        failed += await run(globals(), client, f"{binding} {version}", ONLY_1_0 if version != "1.0" else set())
        await client.http.aclose()
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
