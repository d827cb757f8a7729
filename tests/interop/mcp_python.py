#!/usr/bin/env python3
"""Lane `mcp`: the official MCP client of Python with `inhouse mcp` as its server, and two A2A servers behind that.

Each step is tried in both of the client's ways to begin: with the discovery of newer versions of MCP, and with the handshake of older ones.
"""
import asyncio
import sys

import anyio
from mcp import Client, StdioServerParameters

from harness import AGENTS, BINARY, Server, Steps, assert_same, multibyte, state_of, wait_until

STEP_S_MAX = 60
DESK = f"{sys.executable} {AGENTS / 'desk.py'}"
step = Steps()


def bridge(*servers):
    """How the client starts `inhouse mcp` for these servers."""
    return StdioServerParameters(
        command=BINARY, args=["mcp", *(server.url for server in servers)],
        env={"INHOUSE_TOKEN": servers[0].token, "HOME": str(servers[0].home)},
    )


def with_client(mode, servers, use):
    """Runs `use(client)` with a client of a bridge for these servers."""
    async def run():
        with anyio.fail_after(STEP_S_MAX):
            async with Client(bridge(*servers), mode=mode) as client:
                return await use(client)
    return asyncio.run(run())


@step
def agents_are_listed(mode, one, two):
    """the agents of both servers are listed, with an id for each"""
    async def use(client):
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["list_agents", "send", "answer", "get_task", "cancel_task"], names
        return (await client.call_tool("list_agents", {})).structured_content
    told = with_client(mode, (one, two), use)
    ids = [agent["id"] for agent in told["agents"]]
    assert len(ids) == 2 and all(f"@127.0.0.1:{server.port}" in id for id, server in zip(ids, (one, two))), told


@step
def an_answer_is_exact(mode, one, two):
    """an answer of 20 KB of multi-byte text comes back exact, as text and as a value"""
    text = multibyte(20_000)
    async def use(client):
        return await client.call_tool("send", {"text": f"say {text}"})
    result = with_client(mode, (one,), use)
    assert not result.is_error, result
    assert_same(result.content[0].text, text)
    assert_same(result.structured_content["answer"], text)


@step
def a_question_is_answered(mode, one, two):
    """a task that asks is answered by the tool for it"""
    async def use(client):
        asked = (await client.call_tool("send", {"text": "ask"})).structured_content
        assert (asked["state"], asked["note"]) == ("input-required", "Which colour?"), asked
        return await client.call_tool("answer", {"task_id": asked["task_id"], "text": "blue"})
    assert_same(with_client(mode, (one,), use).structured_content["answer"], "You chose blue.")


@step
def progress_is_told(mode, one, two):
    """the client hears of a task's progress while it works"""
    gate, heard = one.project / f"gate-{mode}", []
    async def listen(progress, total, message):
        heard.append((progress, message))
        if "before" in message:
            gate.touch()
    async def use(client):
        return await client.call_tool("send", {"text": f"gate {gate.name}"}, progress_callback=listen)
    assert_same(with_client(mode, (one,), use).structured_content["answer"], "before\nafter\n")
    numbers = [progress for progress, _ in heard]
    assert numbers == sorted(set(numbers)) and any("before" in message for _, message in heard), heard


@step
def a_canceled_call_cancels_its_task(mode, one, two):
    """a call that the client gives up cancels its task"""
    before = len(tasks(one))
    async def use(client):
        begun = anyio.Event()
        async def listen(progress, total, message):
            if "hanging" in message:
                begun.set()
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.call_tool("send", {"text": "hang"}, progress_callback=listen))
            await begun.wait()
            group.cancel_scope.cancel()
        await asyncio.to_thread(wait_until, lambda: state_of(tasks(one)[0]) == "CANCELED", 20, "the end of the task")
    with_client(mode, (one,), use)
    assert len(tasks(one)) == before + 1


@step
def an_error_is_a_result(mode, one, two):
    """what a server refuses is a result that says what to do, and the session goes on"""
    async def use(client):
        wrong = await client.call_tool("get_task", {"task_id": "nowhere"})
        assert wrong.is_error and "hint: see your tasks with" in wrong.content[0].text, wrong
        return await client.call_tool("send", {"text": "say still here"})
    assert_same(with_client(mode, (one,), use).structured_content["answer"], "still here")


def tasks(server):
    """The server's tasks, newest first."""
    return server.result("ListTasks", {})["tasks"]


def main():
    with Server(DESK, AGENT_INPUT="json") as one, Server(DESK, AGENT_INPUT="json") as two:
        return 1 if sum(step.run(mode, one, two, prefix=mode) for mode in ("auto", "legacy")) else 0


if __name__ == "__main__":
    sys.exit(main())
