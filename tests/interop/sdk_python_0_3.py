#!/usr/bin/env python3
"""The official Python SDK of A2A 0.3 (a2a-sdk 0.3.x) against a running server: the steps of steps.txt that 0.3 has words for, over
each of its bindings.

usage: sdk_python_0_3.py URL TOKEN PROJECT_FOLDER WEBHOOK_PORT

Each step is what a program that uses the SDK would write.
"""
import asyncio
import pathlib
import sys
import uuid

import grpc
import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import (
    GetTaskPushNotificationConfigParams, Message, PushNotificationAuthenticationInfo, PushNotificationConfig, Role, Task,
    TaskArtifactUpdateEvent, TaskIdParams, TaskPushNotificationConfig, TaskQueryParams, TaskState, TextPart,
)

from receiver import Receiver
from sdk_steps import TEXT, bearer, run

BINDINGS = ["JSONRPC", "HTTP+JSON", "GRPC"]
# What 0.3 has no words for, and what its clients do not verify.
NOT_IN_0_3 = {"signed_card", "list_filters", "list_pages"}
RECEIVER = Receiver(int(sys.argv[4]))


class Client:
    """The SDK's client in its modes over one binding, and the folder in which the agent runs."""

    def __init__(self, url, token, folder, binding):
        self.url, self.token, self.folder, self.binding = url, token, pathlib.Path(folder), binding
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60)

    async def connect(self):
        self.public = await A2ACardResolver(self.http, self.url).get_agent_card()
        self.card = self.public.model_copy(deep=True)
        if self.binding == "GRPC":
            # Whoever speaks gRPC is told its address.
            self.card.url, self.card.preferred_transport = self.url.removeprefix("http://"), "GRPC"
        self.streaming = self.create(streaming=True)
        self.blocking = self.create(streaming=False)
        self.polling = self.create(streaming=False, polling=True)

    def create(self, http=None, token=None, **config):
        channel = lambda url: grpc.aio.insecure_channel(url, interceptors=bearer(token or self.token))
        return ClientFactory(
            ClientConfig(
                httpx_client=http or self.http, grpc_channel_factory=channel, supported_transports=[self.binding],
                use_client_preference=True, **config,
            )
        ).create(self.card)

    async def send(self, text, client=None, **where):
        """Sends a text; the task as the answer shows it."""
        async for task, _ in (client or self.blocking).send_message(message(text, **where)):
            return task

    def stream(self, text):
        return self.streaming.send_message(message(text))

    def open_gate(self, name):
        (self.folder / name).write_text("open")


def message(text, **where):
    return Message(message_id=str(uuid.uuid4()), role=Role.user, parts=[TextPart(text=text)], **where)


def text_of(holder):
    """The text of a task's artifacts, or of one message or artifact."""
    parts = [part for one in holder.artifacts or [] for part in one.parts] if hasattr(holder, "artifacts") else holder.parts
    return "".join(part.root.text for part in parts)


async def refusal(call):
    """What the SDK says of the error that it raises for this call."""
    try:
        answer = await call
    except Exception as error:  # each binding of the SDK has errors of its own
        return f"{type(error).__name__} {error}"
    raise AssertionError(f"not refused: {answer}")


async def card(client):
    assert client.public.protocol_version.startswith("0.3") and client.public.preferred_transport == "JSONRPC", client.public
    assert client.public.capabilities.streaming and client.public.skills, client.public
    assert client.public.supports_authenticated_extended_card
    extended = await client.blocking.get_card()
    assert extended.name == client.public.name, extended


async def blocking_send(client):
    task = await client.send(f"say {TEXT}")
    assert task.status.state == TaskState.completed, task.status
    assert text_of(task) == TEXT and task.id and task.context_id, task.status


async def streaming_send(client):
    gate, updates = f"gate-{uuid.uuid4()}", []
    async for task, update in client.stream(f"count 200 {gate}"):
        updates.append(update)
        client.open_gate(gate)
    assert updates[0] is None and updates[-1].final, updates[-1]
    assert updates[-1].status.state == TaskState.completed
    assert all(isinstance(update, TaskArtifactUpdateEvent) for update in updates[1:-1])
    wanted = "".join(f"{number} Zeile 漢🦀\n" for number in range(200))
    assert text_of(task) == wanted, "the SDK puts the pieces together"


async def get(client):
    sent = await client.send("say again")
    task = await client.blocking.get_task(TaskQueryParams(id=sent.id))
    assert (task.id, text_of(task), text_of(task.history[0])) == (sent.id, "again", "say again"), task


async def cancel(client):
    events = client.stream("hang")
    async for task, update in events:
        if "hanging" in (text_of(update.artifact) if isinstance(update, TaskArtifactUpdateEvent) else text_of(task)):
            break
    canceled = await client.blocking.cancel_task(TaskIdParams(id=task.id))
    assert canceled.status.state == TaskState.canceled, canceled.status
    rest = [update async for _, update in events]
    assert rest[-1].final and rest[-1].status.state == TaskState.canceled, rest
    error = await refusal(client.blocking.cancel_task(TaskIdParams(id=task.id)))
    assert "cancel" in error.lower(), error


async def subscribe(client):
    gate = f"gate-{uuid.uuid4()}"
    sent = await client.send(f"gate {gate}", client.polling)
    begun = False
    async for task, update in client.streaming.resubscribe(TaskIdParams(id=sent.id)):
        begun = begun or isinstance(task, Task)
        if text_of(task) == "before\n":
            client.open_gate(gate)
    assert begun and text_of(task) == "before\nafter\n", task
    assert update.final and update.status.state == TaskState.completed, update


async def unknown_task(client):
    error = await refusal(client.blocking.get_task(TaskQueryParams(id=str(uuid.uuid4()))))
    assert "not found" in error.lower() or "TaskNotFound" in error or "404" in error, error


async def finished_is_final(client):
    task = await client.send("say done")
    await refusal(client.send("say more", task_id=task.id))


async def question(client):
    task = await client.send("ask")
    assert task.status.state == TaskState.input_required and text_of(task.status.message) == "Which colour?", task.status
    answered = await client.send("blue", task_id=task.id, context_id=task.context_id)
    assert (answered.id, answered.status.state, text_of(answered)) == (task.id, TaskState.completed, "You chose blue.")


async def push_configs(client):
    task = await client.send("ask")
    info = PushNotificationAuthenticationInfo(schemes=["Bearer"], credentials="secret")
    config = PushNotificationConfig(id="one", url=RECEIVER.url, token="t", authentication=info)
    made = await client.blocking.set_task_callback(
        TaskPushNotificationConfig(task_id=task.id, push_notification_config=config)
    )
    assert made.push_notification_config.url == RECEIVER.url, made
    got = await client.blocking.get_task_callback(
        GetTaskPushNotificationConfigParams(id=task.id, push_notification_config_id="one")
    )
    shown = got.push_notification_config
    assert (shown.id, shown.token, shown.authentication.schemes) == ("one", "t", ["Bearer"]), got
    assert not shown.authentication.credentials, got


async def webhook(client):
    token = str(uuid.uuid4())
    told = client.create(streaming=False, push_notification_configs=[PushNotificationConfig(url=RECEIVER.url, token=token)])
    task = await client.send("say told", told)

    def fits(headers, body):
        if headers.get("x-a2a-notification-token") != token:
            return False
        return Task.model_validate(body).status.state == TaskState.completed and body["id"] == task.id

    await asyncio.to_thread(RECEIVER.wait_for, fits)


async def wrong_token(client):
    async with httpx.AsyncClient(headers={"Authorization": "Bearer wrong"}) as http:
        error = await refusal(client.send("say hello", client.create(http, "wrong", streaming=False)))
        assert "401" in error or "UNAUTHENTICATED" in error, error


async def main():
    failed = 0
    for binding in BINDINGS:
        client = Client(*sys.argv[1:4], binding)
        await client.connect()
        failed += await run(globals(), client, f"{binding} 0.3", NOT_IN_0_3)
        await client.http.aclose()
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
