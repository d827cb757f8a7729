// The official JavaScript SDK of A2A 0.3 (@a2a-js/sdk 0.3.x), over JSON-RPC and over HTTP+JSON, against a running server: the steps
// of steps.txt that 0.3 has words for.
//
// usage: node sdk_js_0_3.mjs NODE_MODULES URL TOKEN PROJECT_FOLDER WEBHOOK_PORT
//
// Each step is what a program that uses the SDK would write.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { TEXT, fetchWith, importFrom, receiver, run } from "./sdk_steps.mjs";

const [modules, url, token, folder, webhookPort] = process.argv.slice(2);
const load = importFrom(modules);
const { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } = await load("@a2a-js/sdk/client");

const webhooks = receiver(webhookPort);
// What 0.3 has no words for, and what its clients do not verify.
const NOT_IN_0_3 = ["signed_card", "list_filters", "list_pages"];

/** Lets an agent go on that waits for this file. */
const openGate = (name) => writeFileSync(join(folder, name), "open");

const DOORS = { JSONRPC: JsonRpcTransportFactory, "HTTP+JSON": RestTransportFactory };

/** A client that has one binding to choose from. */
function clientFor(card, secret, binding) {
  const transports = [new DOORS[binding]({ fetchImpl: fetchWith(secret) })];
  return new ClientFactory({ transports }).createFromAgentCard(card);
}

const message = (text, where = {}, configuration = undefined) => ({
  message: { kind: "message", messageId: randomUUID(), role: "user", parts: [{ kind: "text", text }], ...where },
  configuration,
});

const textOfParts = (parts) => parts.map((part) => part.text ?? "").join("");
const textOf = (task) => (task.artifacts ?? []).map((artifact) => textOfParts(artifact.parts)).join("");

/** The text that an event of a stream adds: a task, which stands first, may have some already. */
function textOfEvent(event) {
  if (event.kind === "task") return textOf(event);
  return event.kind === "artifact-update" ? textOfParts(event.artifact.parts) : "";
}

const steps = {
  async card({ card }) {
    assert.deepEqual([card.preferredTransport, card.url], ["JSONRPC", `${url}/a2a`]);
    assert(card.protocolVersion.startsWith("0.3") && card.capabilities.streaming && card.skills.length > 0);
  },

  async blocking_send({ client }) {
    const task = await client.sendMessage(message(`say ${TEXT}`));
    assert.deepEqual([task.kind, task.status.state, textOf(task)], ["task", "completed", TEXT]);
    assert(task.id && task.contextId && task.status.timestamp);
  },

  async streaming_send({ client }) {
    const gate = `gate-${randomUUID()}`;
    const events = [];
    for await (const event of client.sendMessageStream(message(`count 200 ${gate}`))) {
      events.push(event);
      openGate(gate);
    }
    const kinds = events.map(({ kind }) => kind);
    // Over HTTP+JSON no event says that it is the last: there the stream's end does.
    assert.deepEqual(kinds, ["task", ...Array(kinds.length - 2).fill("artifact-update"), "status-update"]);
    assert.equal(events.at(-1).status.state, "completed");
    const wanted = Array.from({ length: 200 }, (_, number) => `${number} Zeile 漢🦀\n`).join("");
    assert.equal(events.map(textOfEvent).join(""), wanted);
  },

  async get({ client }) {
    const { id } = await client.sendMessage(message("say again"));
    const task = await client.getTask({ id });
    assert.deepEqual([task.id, textOf(task), textOfParts(task.history[0].parts)], [id, "again", "say again"]);
    assert.equal(task.history[0].role, "user");
  },

  async cancel({ client }) {
    const stream = client.sendMessageStream(message("hang"));
    let id;
    let seen = "";
    while (!seen.includes("hanging")) {
      const event = (await stream.next()).value;
      id ??= event.id;
      seen += textOfEvent(event);
    }
    assert.equal((await client.cancelTask({ id })).status.state, "canceled");
    const rest = [];
    for await (const event of stream) rest.push(event);
    assert.equal(rest.at(-1).status.state, "canceled");
    await assert.rejects(client.cancelTask({ id }), /cancel/i);
  },

  async subscribe({ client }) {
    const gate = `gate-${randomUUID()}`;
    const { id } = await client.sendMessage(message(`gate ${gate}`, {}, { blocking: false }));
    const kinds = [];
    let seen = "";
    for await (const event of client.resubscribeTask({ id })) {
      kinds.push(event.kind);
      seen += textOfEvent(event);
      if (seen === "before\n") openGate(gate);
    }
    assert.deepEqual([kinds.indexOf("task"), kinds.lastIndexOf("task"), kinds.at(-1)], [0, 0, "status-update"]);
    assert.equal(seen, "before\nafter\n");
  },

  async unknown_task({ client }) {
    await assert.rejects(client.getTask({ id: randomUUID() }), /not ?found/i);
  },

  async finished_is_final({ client }) {
    const { id: taskId } = await client.sendMessage(message("say done"));
    await assert.rejects(client.sendMessage(message("say more", { taskId })), /unsupported|not supported/i);
  },

  async question({ client }) {
    const task = await client.sendMessage(message("ask"));
    assert.deepEqual([task.status.state, textOfParts(task.status.message.parts)], ["input-required", "Which colour?"]);
    const answered = await client.sendMessage(message("blue", { taskId: task.id, contextId: task.contextId }));
    assert.deepEqual([answered.id, answered.status.state, textOf(answered)], [task.id, "completed", "You chose blue."]);
  },

  async push_configs({ client }) {
    const { id: taskId } = await client.sendMessage(message("ask"));
    const authentication = { schemes: ["Bearer"], credentials: "secret" };
    const pushNotificationConfig = { id: "one", url: webhooks.url, token: "t", authentication };
    const made = await client.setTaskPushNotificationConfig({ taskId, pushNotificationConfig });
    assert.deepEqual([made.taskId, made.pushNotificationConfig.url], [taskId, webhooks.url]);
    const which = { id: taskId, pushNotificationConfigId: "one" };
    const { pushNotificationConfig: got } = await client.getTaskPushNotificationConfig(which);
    assert.deepEqual([got.id, got.token, got.authentication.schemes], ["one", "t", ["Bearer"]]);
    assert(!got.authentication.credentials);
    const ids = async () => (await client.listTaskPushNotificationConfig({ id: taskId })).map((one) => one.pushNotificationConfig.id);
    assert.deepEqual(await ids(), ["one"]);
    await client.deleteTaskPushNotificationConfig(which);
    assert.deepEqual(await ids(), []);
  },

  async webhook({ client }) {
    const secret = randomUUID();
    const pushNotificationConfig = { url: webhooks.url, token: secret };
    const { id } = await client.sendMessage(message("say told", {}, { blocking: true, pushNotificationConfig }));
    const { body } = await webhooks.waitFor(
      ({ headers, body }) => headers["x-a2a-notification-token"] === secret && body.status.state === "completed",
    );
    assert.deepEqual([body.kind, body.id], ["task", id]);
  },

  async wrong_token({ card, binding }) {
    const stranger = await clientFor(card, "wrong", binding);
    // Each binding of the SDK has words of its own for it.
    await assert.rejects(stranger.sendMessage(message("say hello")), /401|token is not valid/);
  },
};

const card = await new DefaultAgentCardResolver().resolve(url);
let failed = 0;
for (const binding of Object.keys(DOORS)) {
  failed += await run(steps, { client: await clientFor(card, token, binding), card, binding }, `${binding} 0.3`, NOT_IN_0_3);
}
webhooks.close();
process.exit(failed ? 1 : 0);
