// A task as a conversation: what its caller said, what the agent did, said and asked, in the order in which it came.

import { AskView } from "./ask.js";
import { append, fill, foreign, h } from "./dom.js";
import { ArtifactView, partsOf } from "./parts.js";
import { badge, isAsking, isOver, textOf, time } from "./words.js";

export const ACTIVITY = "urn:inhouse:a2a:activity:v1";

export class Conversation {
  /** @param {import("./ask.js").Place} place */
  constructor(place) {
    this.place = place;
    this.root = h("div", { class: "conversation" });
    /** Where messages of the caller stand: above all, and behind each message of the agent that waited for one. */
    this.slots = new Map();
    /** @type {Map<Element | undefined, AskRequest | undefined>} what was asked above a slot */
    this.requests = new Map();
    /** @type {Set<string>} */
    this.placed = new Set();
    /** @type {Map<string, ArtifactView>} */
    this.artifacts = new Map();
    /** @type {AskView | null} */
    this.asking = null;
    /** @type {HTMLElement | null} */
    this.plan = null;
    this.clear();
  }

  clear() {
    const top = h("div", {});
    fill(this.root, top);
    this.slots = new Map([["", top]]);
    this.requests.clear();
    this.placed.clear();
    this.artifacts.clear();
    this.asking?.settle();
    [this.asking, this.plan] = [null, null];
  }

  /** An event of the log. @param {StreamResponse} event */
  take(event) {
    if (event.statusUpdate) this.status(event.statusUpdate.status);
    if (event.artifactUpdate) this.artifact(event.artifactUpdate);
  }

  /** A task as it stands, where there is no log to be read. @param {Task} task */
  show(task) {
    this.clear();
    const asked = (task.history ?? []).filter(
      (message) => message.role === "ROLE_AGENT" && message.messageId !== task.status.message?.messageId,
    );
    for (const message of asked) this.status({ state: "TASK_STATE_INPUT_REQUIRED", message });
    for (const artifact of task.artifacts ?? []) this.artifact({ artifact });
    this.status(task.status);
    this.history(task.history ?? []);
  }

  /** @param {Message[]} messages all that were said */
  history(messages) {
    let slot = this.slots.get("");
    for (const message of messages) {
      if (message.role === "ROLE_AGENT") slot = this.slots.get(message.messageId) ?? slot;
      else if (!this.placed.has(message.messageId)) {
        this.placed.add(message.messageId);
        slot?.append(said(message, this.requests.get(slot)));
      }
    }
  }

  /** @param {Status} status */
  status(status) {
    const { state, message } = status;
    this.asking?.settle();
    this.asking = null;
    if (isAsking(state)) return this.ask(status);
    const activity = message?.metadata?.[ACTIVITY];
    if (activity) return this.activity(activity, status);
    const text = textOf(message?.parts);
    if (isOver(state)) {
      const reason = message?.metadata?.reason;
      append(
        this.root,
        h(
          "div",
          { class: "end" },
          badge(state),
          text && h("span", { class: "text" }, foreign(text)),
          reason && !text.startsWith(reason) && h("code", {}, foreign(String(reason))),
          time(status.timestamp, true),
        ),
      );
    } else if (message) append(this.root, h("div", { class: "step" }, partsOf(message.parts), time(status.timestamp, true)));
  }

  /** @param {Status} status */
  ask(status) {
    this.asking = new AskView(status, this.place);
    const slot = h("div", {});
    this.requests.set(slot, this.asking.request);
    if (status.message) this.slots.set(status.message.messageId, slot);
    append(this.root, this.asking.root, slot);
  }

  /** @param {any} activity @param {Status} status */
  activity(activity, status) {
    const text = textOf(status.message?.parts);
    const when = time(status.timestamp, true);
    if (activity.plan) return this.steps(activity.plan.steps ?? []);
    if (activity.reasoning) {
      return append(
        this.root,
        h(
          "details",
          { class: "step thought" },
          h("summary", {}, "Thought ", when),
          h("div", { class: "text" }, foreign(String(activity.reasoning.text))),
        ),
      );
    }
    const name = activity.tool ? [h("span", {}, "Uses "), h("code", {}, foreign(String(activity.tool.name)))] : foreign(text);
    append(this.root, h("div", { class: "step" }, h("span", {}, name), when));
  }

  /** @param {{ text: string, state: string }[]} steps */
  steps(steps) {
    const marks = /** @type {{ [state: string]: [string, string] }} */ ({
      completed: ["✓", "done"],
      inProgress: ["▸", "now"],
      pending: ["○", "to do"],
    });
    const items = steps.map(({ text, state }) => {
      const [mark, word] = marks[state] ?? ["·", state];
      return h(
        "li",
        { class: `is-${word.replace(" ", "-")}` },
        h("span", { "aria-hidden": "true" }, mark),
        h("span", { class: "unseen" }, `${word}: `),
        foreign(text),
      );
    });
    const plan = h("section", { class: "plan", "aria-label": "Plan" }, h("h2", {}, "Plan"), h("ol", {}, items));
    if (this.plan) this.plan.replaceWith(plan);
    else this.root.append(plan);
    this.plan = plan;
  }

  /** @param {ArtifactUpdate} update */
  artifact(update) {
    const id = update.artifact.artifactId;
    let view = this.artifacts.get(id);
    if (!view) {
      view = new ArtifactView(update.artifact);
      this.artifacts.set(id, view);
      append(this.root, view.root);
    }
    view.take(update);
  }

  leave() {
    this.asking?.settle();
  }
}

/** What a person said. An answer to a request says what was chosen. @param {Message} message @param {AskRequest} [request] */
function said(message, request) {
  const labels = new Map(request?.questions.flatMap(({ options }) => options.map(({ id, label }) => [id, label || id])));
  const parts = message.parts.map((part) => {
    const answers = /** @type {any} */ (part.data)?.answers;
    if (!answers || typeof answers !== "object") return part;
    const chosen = Object.values(answers)
      .flat()
      .map((answer) => labels.get(answer) ?? String(answer));
    const words = [...chosen, /** @type {any} */ (part.data).text].filter(Boolean);
    return { text: words.join("\n") };
  });
  return h("section", { class: "said", "aria-label": "Message" }, partsOf(parts));
}
