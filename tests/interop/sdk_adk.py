#!/usr/bin/env python3
"""Google's Agent Development Kit against a running server: its RemoteA2aAgent as a program of ADK uses it. Of steps.txt it has those
that its face shows.

usage: sdk_adk.py URL TOKEN PROJECT_FOLDER WEBHOOK_PORT
"""
import asyncio
import logging
import sys
import warnings

import httpx

from sdk_steps import TEXT, run

warnings.simplefilter("ignore")
logging.disable(logging.ERROR)

from google.adk.agents.remote_a2a_agent import RemoteA2aAgent  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai import types  # noqa: E402

# What ADK does behind its face, or not at all.
NOT_HERE = {
    "signed_card", "streaming_send", "get", "list_filters", "list_pages", "cancel", "subscribe", "unknown_task",
    "finished_is_final", "push_configs", "webhook",
}


class Conversation:
    """A session of a program whose only agent is the remote one."""

    def __init__(self, url, token):
        http = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60)
        card = f"{url}/.well-known/agent-card.json"
        self.agent = RemoteA2aAgent(name="remote", agent_card=card, httpx_client=http)
        self.runner = InMemoryRunner(agent=self.agent, app_name="lane")

    async def begin(self):
        self.session = await self.runner.session_service.create_session(app_name="lane", user_id="ann")
        return self

    async def say(self, text):
        """What comes back: the text of all events, and their errors."""
        said, errors = "", []
        content = types.Content(role="user", parts=[types.Part(text=text)])
        async for event in self.runner.run_async(user_id="ann", session_id=self.session.id, new_message=content):
            said += "".join(part.text or "" for part in (event.content.parts or [] if event.content else []))
            errors.extend([event.error_message] if event.error_message else [])
        return said, errors


async def card(client):
    said, errors = await (await Conversation(*client).begin()).say("say hello")
    assert (said, errors) == ("hello", []), (said, errors)


async def blocking_send(client):
    said, errors = await (await Conversation(*client).begin()).say(f"say {TEXT}")
    assert said == TEXT and not errors, (len(said), errors)


async def question(client):
    conversation = await Conversation(*client).begin()
    await conversation.say("ask")
    said, errors = await conversation.say("blue")
    assert said.endswith("You chose blue.") and said.count("You chose blue.") == 1 and not errors, (said, errors)


async def wrong_token(client):
    said, errors = await (await Conversation(client[0], "wrong").begin()).say("say hello")
    assert not said and errors and "401" in errors[0], (said, errors)


sys.exit(1 if asyncio.run(run(globals(), sys.argv[1:3], "ADK", NOT_HERE)) else 0)
