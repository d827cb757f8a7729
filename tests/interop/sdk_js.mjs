// The official JavaScript SDK (@a2a-js/sdk), A2A 1.0 over JSON-RPC and over HTTP+JSON, against a running server: the steps of
// steps.txt.
//
// usage: node sdk_js.mjs NODE_MODULES URL TOKEN PROJECT_FOLDER WEBHOOK_PORT
//
// Each step is what a program that uses the SDK would write.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { TEXT, fetchWith, importFrom, receiver, run } from "./sdk_steps.mjs";

const [modules, url, token, folder, webhookPort] = process.argv.slice(2);
const load = importFrom(modules);
const {
  AgentCard, CancelTaskRequest, GetTaskRequest, ListTasksRequest, Role, SendMessageRequest, SubscribeToTaskRequest,
  TaskPushNotificationConfig, TaskState, verifyAgentCardSignature,
} = await load("@a2a-js/sdk");
const { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } = await load("@a2a-js/sdk/client");

const webhooks = receiver(webhookPort);

/** Lets an agent go on that waits for this file. */
const openGate = (name) => writeFileSync(join(folder, name), "open");

const DOORS = { JSONRPC: JsonRpcTransportFactory, "HTTP+JSON": RestTransportFactory };

function clientFor(card, secret, binding) {
  return new ClientFactory({ transports: [new DOORS[binding]({ fetchImpl: fetchWith(secret) })] }).createFromAgentCard(card);
}

const message = (text, where = {}, configuration = {}) =>
  SendMessageRequest.fromJSON({
    message: { messageId: randomUUID(), role: "ROLE_USER", parts: [{ text }], ...where },
    configuration,
  });

const textOfParts = (parts) => parts.map((part) => (part.content?.$case === "text" ? part.content.value : "")).join("");
const textOf = (task) => task.artifacts.map((artifact) => textOfParts(artifact.parts)).join("");

/** The text that an event of a stream adds: a task, which stands first, may have some already. */
function textOfEvent({ payload }) {
  if (payload.$case === "task") return textOf(payload.value);
  return payload.$case === "artifactUpdate" ? textOfParts(payload.value.artifact.parts) : "";
}

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const steps = {
  async card({ card }) {
    const [{ protocolBinding, protocolVersion }] = card.supportedInterfaces;
    assert.deepEqual([protocolBinding, protocolVersion], ["JSONRPC", "1.0"]);
    assert(card.capabilities.streaming && card.skills.length > 0);
  },

  async signed_card() {
    // As it stands in JSON: that is what the SDK brings into canonical form.
    const card = await (await fetch(`${url}/.well-known/agent-card.json`)).json();
    const { keys } = await (await fetch(`${url}/.well-known/jwks.json`)).json();
    const verify = verifyAgentCardSignature(async (kid) => keys.find((key) => key.kid === kid));
    await verify(card);
    await assert.rejects(verify({ ...card, name: "Mallory" }));
  },

  async blocking_send({ client }) {
    const task = await client.sendMessage(message(`say ${TEXT}`));
    assert.equal(task.status.state, TaskState.TASK_STATE_COMPLETED);
    assert.equal(textOf(task), TEXT);
    assert(task.id && task.contextId && task.status.timestamp);
  },

  async streaming_send({ client }) {
    const gate = `gate-${randomUUID()}`;
    const events = [];
    for await (const event of client.sendMessageStream(message(`count 200 ${gate}`))) {
      events.push(event);
      openGate(gate);
    }
    const kinds = events.map((event) => event.payload.$case);
    assert.deepEqual(kinds, ["task", ...Array(kinds.length - 2).fill("artifactUpdate"), "statusUpdate"]);
    assert.equal(events.at(-1).payload.value.status.state, TaskState.TASK_STATE_COMPLETED);
    const chunks = events.slice(1, -1).map((event) => event.payload.value);
    assert.deepEqual(chunks.map((chunk) => chunk.lastChunk), chunks.map((chunk) => chunk === chunks.at(-1)));
    const begun = events[0].payload.value.artifacts.length > 0;
    assert.deepEqual(chunks.map((chunk) => chunk.append), chunks.map((chunk) => begun || chunk !== chunks[0]));
    const wanted = Array.from({ length: 200 }, (_, number) => `${number} Zeile 漢🦀\n`).join("");
    assert.equal(events.map(textOfEvent).join(""), wanted);
  },

  async get({ client }) {
    const { id } = await client.sendMessage(message("say again"));
    const task = await client.getTask(GetTaskRequest.fromJSON({ id }));
    assert.deepEqual([task.id, textOf(task), task.history.length], [id, "again", 1]);
    assert.equal(textOfParts(task.history[0].parts), "say again");
    assert.equal(task.history[0].role, Role.ROLE_USER);
    assert.equal((await client.getTask(GetTaskRequest.fromJSON({ id, historyLength: 0 }))).history.length, 0);
  },

  async list_filters({ client }) {
    const contextId = randomUUID();
    const done = await client.sendMessage(message("say done", { contextId }));
    const asked = await client.sendMessage(message("ask", { contextId }));
    await client.sendMessage(message("say elsewhere"));
    const listed = async (filters) => {
      const answer = await client.listTasks(ListTasksRequest.fromJSON({ contextId, ...filters }));
      assert.equal(answer.totalSize, answer.tasks.length);
      return answer.tasks.map((task) => task.id);
    };
    assert.deepEqual((await listed({})).sort(), [done.id, asked.id].sort());
    assert.deepEqual(await listed({ status: "TASK_STATE_COMPLETED" }), [done.id]);
    assert.deepEqual(await listed({ status: "TASK_STATE_INPUT_REQUIRED" }), [asked.id]);
    assert.deepEqual(await listed({ status: "TASK_STATE_FAILED" }), []);
  },

  async list_pages({ client }) {
    const contextId = randomUUID();
    const sent = [];
    for (const number of [0, 1, 2]) sent.push((await client.sendMessage(message(`say ${number}`, { contextId }))).id);
    const page = (more) => client.listTasks(ListTasksRequest.fromJSON({ contextId, pageSize: 2, ...more }));
    const first = await page({});
    assert.deepEqual([first.tasks.length, first.pageSize, first.totalSize], [2, 2, 3]);
    assert.equal(first.tasks[0].artifacts.length, 0, "artifacts only when asked for");
    const second = await page({ pageToken: first.nextPageToken, includeArtifacts: true });
    assert.deepEqual([second.nextPageToken, textOf(second.tasks[0])], ["", "0"]);
    assert.deepEqual([...first.tasks, ...second.tasks].map((task) => task.id), sent.reverse());
  },

  async cancel({ client }) {
    const stream = client.sendMessageStream(message("hang"));
    let id;
    let seen = "";
    while (!seen.includes("hanging")) {
      const event = (await stream.next()).value;
      id ??= event.payload.value.id;
      seen += textOfEvent(event);
    }
    const task = await client.cancelTask(CancelTaskRequest.fromJSON({ id }));
    assert.equal(task.status.state, TaskState.TASK_STATE_CANCELED);
    const rest = await collect(stream);
    assert.equal(rest.at(-1).payload.value.status.state, TaskState.TASK_STATE_CANCELED);
    await assert.rejects(client.cancelTask(CancelTaskRequest.fromJSON({ id })), { reason: "TASK_NOT_CANCELABLE" });
  },

  async subscribe({ client }) {
    const gate = `gate-${randomUUID()}`;
    const { id } = await client.sendMessage(message(`gate ${gate}`, {}, { returnImmediately: true }));
    const kinds = [];
    let seen = "";
    for await (const event of client.resubscribeTask(SubscribeToTaskRequest.fromJSON({ id }))) {
      kinds.push(event.payload.$case);
      seen += textOfEvent(event);
      if (seen === "before\n") openGate(gate);
    }
    assert.equal(kinds.indexOf("task"), 0);
    assert.equal(kinds.lastIndexOf("task"), 0);
    assert.equal(seen, "before\nafter\n");
    assert.equal(kinds.at(-1), "statusUpdate");
  },

  async unknown_task({ client }) {
    const wanted = { reason: "TASK_NOT_FOUND", message: /Task not found/ };
    await assert.rejects(client.getTask(GetTaskRequest.fromJSON({ id: randomUUID() })), wanted);
  },

  async finished_is_final({ client }) {
    const { id: taskId } = await client.sendMessage(message("say done"));
    await assert.rejects(client.sendMessage(message("say more", { taskId })), { reason: "UNSUPPORTED_OPERATION" });
  },

  async question({ client }) {
    const task = await client.sendMessage(message("ask"));
    assert.equal(task.status.state, TaskState.TASK_STATE_INPUT_REQUIRED);
    assert.equal(textOfParts(task.status.message.parts), "Which colour?");
    const answered = await client.sendMessage(message("blue", { taskId: task.id, contextId: task.contextId }));
    assert.deepEqual([answered.id, answered.status.state], [task.id, TaskState.TASK_STATE_COMPLETED]);
    assert.equal(textOf(answered), "You chose blue.");
  },

  async push_configs({ client }) {
    const { id: taskId } = await client.sendMessage(message("ask"));
    const authentication = { scheme: "Bearer", credentials: "secret" };
    const config = TaskPushNotificationConfig.fromJSON({ taskId, id: "one", url: webhooks.url, token: "t", authentication });
    const made = await client.createTaskPushNotificationConfig(config);
    assert.deepEqual([made.taskId, made.id, made.url, made.token], [taskId, "one", webhooks.url, "t"]);
    const which = { tenant: "", taskId, id: "one" };
    const got = await client.getTaskPushNotificationConfig(which);
    assert.deepEqual(got.authentication, { scheme: "Bearer", credentials: "" });
    const all = { tenant: "", taskId, pageSize: 0, pageToken: "" };
    assert.deepEqual((await client.listTaskPushNotificationConfig(all)).configs.map(({ id }) => id), ["one"]);
    await client.deleteTaskPushNotificationConfig(which);
    assert.deepEqual((await client.listTaskPushNotificationConfig(all)).configs, []);
    await assert.rejects(client.getTaskPushNotificationConfig(which), { reason: "TASK_NOT_FOUND" });
  },

  async webhook({ client }) {
    const secret = randomUUID();
    await client.sendMessage(message("say told", {}, { taskPushNotificationConfig: { url: webhooks.url, token: secret } }));
    const over = ({ headers, body }) =>
      headers["x-a2a-notification-token"] === secret &&
      (body.task ?? body.statusUpdate)?.status.state === "TASK_STATE_COMPLETED";
    const { headers } = await webhooks.waitFor(over);
    assert.equal(headers["content-type"], "application/a2a+json");
  },

  async wrong_token({ card, binding }) {
    const stranger = await clientFor(card, "wrong", binding);
    // Each binding of the SDK has words of its own for it.
    await assert.rejects(stranger.sendMessage(message("say hello")), /401|token is not valid/);
  },
};

const card = AgentCard.fromJSON(await new DefaultAgentCardResolver().resolve(url));
let failed = 0;
for (const binding of Object.keys(DOORS)) {
  failed += await run(steps, { client: await clientFor(card, token, binding), card, binding }, binding);
}
webhooks.close();
process.exit(failed ? 1 : 0);
