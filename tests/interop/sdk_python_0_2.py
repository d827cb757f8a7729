#!/usr/bin/env python3
"""The official Python SDK of A2A 0.2 (a2a-sdk 0.2.x) against a running server: the steps of steps.txt that its client has methods
for, over JSON-RPC.

usage: sdk_python_0_2.py URL TOKEN PROJECT_FOLDER WEBHOOK_PORT

Each step is what a program that uses the SDK would write.
"""
import asyncio
import pathlib
import sys
import uuid

import httpx
from a2a.client import A2ACardResolver, A2AClient
from a2a.client.errors import A2AClientHTTPError
from a2a.types import (
    CancelTaskRequest, GetTaskPushNotificationConfigParams, GetTaskPushNotificationConfigRequest, GetTaskRequest, Message,
    MessageSendConfiguration, MessageSendParams, PushNotificationAuthenticationInfo, PushNotificationConfig, Role,
    SendMessageRequest, SendStreamingMessageRequest, SetTaskPushNotificationConfigRequest, Task, TaskArtifactUpdateEvent,
    TaskIdParams, TaskPushNotificationConfig, TaskQueryParams, TaskState, TextPart,
)

from receiver import Receiver
from sdk_steps import TEXT, run

# What 0.2 has no words for, what its client has no methods for, and what it does not verify.
NOT_IN_0_2 = {"signed_card", "list_filters", "list_pages", "subscribe"}
RECEIVER = Receiver(int(sys.argv[4]))


class Client:
    """The SDK's client, and the folder in which the agent runs."""

    def __init__(self, url, token, folder):
        self.url, self.folder = url, pathlib.Path(folder)
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60)

    async def connect(self):
        self.card = await A2ACardResolver(self.http, self.url).get_agent_card()
        # Clients of the first of these versions look elsewhere.
        older = await A2ACardResolver(self.http, self.url, "/.well-known/agent.json").get_agent_card()
        assert (older.name, older.url) == (self.card.name, self.card.url), older
        self.sdk = A2AClient(self.http, agent_card=self.card)

    async def send(self, text, sdk=None, configuration=None, **where):
        """Sends a text; the result, or the error that is in its place."""
        params = MessageSendParams(message=message(text, **where), configuration=configuration)
        answer = await (sdk or self.sdk).send_message(SendMessageRequest(id=str(uuid.uuid4()), params=params))
        return result(answer)

    async def stream(self, text):
        params = MessageSendParams(message=message(text))
        async for answer in self.sdk.send_message_streaming(SendStreamingMessageRequest(id=str(uuid.uuid4()), params=params)):
            yield result(answer)

    def open_gate(self, name):
        (self.folder / name).write_text("open")


def message(text, **where):
    return Message(messageId=str(uuid.uuid4()), role=Role.user, parts=[TextPart(text=text)], **where)


def result(answer):
    return getattr(answer.root, "result", None) or answer.root.error


def text_of(holder):
    """The text of a task's artifacts, or of one message or artifact."""
    parts = [part for one in holder.artifacts or [] for part in one.parts] if hasattr(holder, "artifacts") else holder.parts
    return "".join(part.root.text for part in parts)


async def card(client):
    assert client.card.capabilities.streaming and client.card.capabilities.pushNotifications, client.card
    assert client.card.skills and client.card.url.endswith("/a2a"), client.card


async def blocking_send(client):
    task = await client.send(f"say {TEXT}")
    assert task.status.state == TaskState.completed and text_of(task) == TEXT, task.status
    assert task.id and task.contextId and task.status.timestamp, task.status


async def streaming_send(client):
    gate, events = f"gate-{uuid.uuid4()}", []
    async for event in client.stream(f"count 200 {gate}"):
        events.append(event)
        client.open_gate(gate)
    assert isinstance(events[0], Task) and events[-1].final and events[-1].status.state == TaskState.completed, events[-1]
    chunks = events[1:-1]
    assert all(isinstance(chunk, TaskArtifactUpdateEvent) for chunk in chunks)
    assert [bool(chunk.lastChunk) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    text = text_of(events[0]) + "".join(text_of(chunk.artifact) for chunk in chunks)
    assert text == "".join(f"{number} Zeile 漢🦀\n" for number in range(200))


async def get(client):
    sent = await client.send("say again")
    request = GetTaskRequest(id="1", params=TaskQueryParams(id=sent.id, historyLength=5))
    task = result(await client.sdk.get_task(request))
    assert (task.id, text_of(task), text_of(task.history[0])) == (sent.id, "again", "say again"), task


async def cancel(client):
    events = client.stream("hang")
    async for event in events:
        task_id = event.id if isinstance(event, Task) else event.taskId
        if "hanging" in text_of(event if isinstance(event, Task) else event.artifact):
            break
    request = CancelTaskRequest(id="1", params=TaskIdParams(id=task_id))
    assert result(await client.sdk.cancel_task(request)).status.state == TaskState.canceled
    rest = [event async for event in events]
    assert rest[-1].final and rest[-1].status.state == TaskState.canceled, rest
    assert result(await client.sdk.cancel_task(request)).code == -32002


async def unknown_task(client):
    request = GetTaskRequest(id="1", params=TaskQueryParams(id=str(uuid.uuid4())))
    error = result(await client.sdk.get_task(request))
    assert (error.code, error.message) == (-32001, "Task not found"), error


async def finished_is_final(client):
    task = await client.send("say done")
    assert (await client.send("say more", taskId=task.id)).code == -32004


async def question(client):
    task = await client.send("ask")
    assert task.status.state == TaskState.input_required and text_of(task.status.message) == "Which colour?", task.status
    answered = await client.send("blue", taskId=task.id, contextId=task.contextId)
    assert (answered.id, answered.status.state, text_of(answered)) == (task.id, TaskState.completed, "You chose blue.")


async def push_configs(client):
    task = await client.send("ask")
    info = PushNotificationAuthenticationInfo(schemes=["Bearer"], credentials="secret")
    config = PushNotificationConfig(url=RECEIVER.url, token="t", authentication=info)
    params = TaskPushNotificationConfig(taskId=task.id, pushNotificationConfig=config)
    made = result(await client.sdk.set_task_callback(SetTaskPushNotificationConfigRequest(id="1", params=params)))
    assert made.pushNotificationConfig.url == RECEIVER.url, made
    # Its clients know a config by its task alone.
    params = GetTaskPushNotificationConfigParams(id=task.id)
    shown = result(await client.sdk.get_task_callback(GetTaskPushNotificationConfigRequest(id="1", params=params)))
    assert (shown.taskId, shown.pushNotificationConfig.token) == (task.id, "t"), shown
    assert not shown.pushNotificationConfig.authentication.credentials, shown


async def webhook(client):
    token = str(uuid.uuid4())
    config = PushNotificationConfig(url=RECEIVER.url, token=token)
    modes = ["text", "text/plain"]
    asked = MessageSendConfiguration(acceptedOutputModes=modes, blocking=True, pushNotificationConfig=config)
    task = await client.send("say told", configuration=asked)

    def fits(headers, body):
        if headers.get("x-a2a-notification-token") != token:
            return False
        return Task.model_validate(body).status.state == TaskState.completed and body["id"] == task.id

    await asyncio.to_thread(RECEIVER.wait_for, fits)


async def wrong_token(client):
    async with httpx.AsyncClient(headers={"Authorization": "Bearer wrong"}) as http:
        try:
            answer = await client.send("say hello", A2AClient(http, agent_card=client.card))
        except A2AClientHTTPError as error:
            assert error.status_code == 401, error
        else:
            raise AssertionError(f"not refused: {answer}")


async def main():
    client = Client(*sys.argv[1:4])
    await client.connect()
    failed = await run(globals(), client, "JSONRPC 0.2", NOT_IN_0_2)
    await client.http.aclose()
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
