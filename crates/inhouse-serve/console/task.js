// One task, followed while it goes on. The log is read from its first event on, so that a page that comes late sees what one that
// was there saw; where there is no log to be read, the task is asked for again and again.

import { Refused, cancel, follow, get, message, send } from "./api.js";
import { Conversation } from "./conversation.js";
import { announce, copyButton, fact, fill, foreign, h, problem } from "./dom.js";
import { rawEvents, timeline } from "./history.js";
import { address } from "./tasks.js";
import { about, badge, isAsking, isOver, lasted, short, stateWord, time } from "./words.js";

const AGAIN_MS = 2_000;
/** So near its end a page is read at its end. */
const NEAR_PX = 120;
/** Events that are kept for the timeline and as they came. */
const EVENTS_MAX = 2_000;
const VIEWS = /** @type {const} */ ([
  ["", "Conversation"],
  ["artifacts", "Artifacts"],
  ["timeline", "Timeline"],
  ["events", "Events"],
]);

/**
 * @param {string[]} parts agent, id, view
 * @returns {Shown}
 */
export function task([agent, id, view]) {
  const page = new TaskPage(agent, id);
  page.open(view);
  page.follow();
  return { title: `Task ${short(id)}`, root: page.root, go: ([, , view]) => page.open(view), leave: () => page.leave() };
}

class TaskPage {
  /** @param {string} agent @param {string} id */
  constructor(agent, id) {
    this.agent = agent;
    this.id = id;
    this.view = "";
    this.leaving = new AbortController();
    /** @type {Task | null} */
    this.task = null;
    /** @type {Numbered[]} */
    this.events = [];
    this.seen = 0;
    this.dropped = 0;
    this.drawing = false;
    this.near = false;
    this.state = "";
    this.last = "";
    /** @type {string | undefined} */
    this.began = undefined;
    this.conversation = new Conversation({ agent, task: id, context: "" });
    this.title = h("h1", {}, "Task");
    this.facts = h("dl", { class: "facts" });
    this.tabs = h("nav", { class: "tabs", "aria-label": "Views of this task" });
    this.panel = h("div", { class: "panel" });
    this.said = h("div", {});
    this.foot = h("div", {});
    this.actions = h("div", { class: "actions" });
    this.root = h(
      "article",
      { class: "task" },
      h("p", { class: "back" }, h("a", { href: "#/tasks" }, "← Tasks")),
      h("div", { class: "head" }, this.title, this.actions),
      this.facts,
      this.tabs,
      this.said,
      this.panel,
      this.foot,
    );
  }

  /** @param {string} view */
  open(view) {
    this.view = view;
    fill(
      this.tabs,
      VIEWS.map(([name, title]) =>
        h("a", { href: address(this.agent, this.id, name), "aria-current": name === view && "page" }, title),
      ),
    );
    this.draw();
  }

  async follow() {
    const { signal } = this.leaving;
    let streams = true;
    while (!signal.aborted) {
      try {
        await this.load();
        if (streams) {
          for await (const event of await follow(this.agent, this.id, this.seen, signal)) this.take(event);
        } else this.show();
        if (isOver(this.state)) return streams && (await this.load());
      } catch (error) {
        if (signal.aborted) return;
        const isAnswer = error instanceof Refused && error.status > 0 && error.status < 500;
        if (isAnswer && streams && this.task) streams = false;
        else if (isAnswer && error.status === 404) return fill(this.said, problem("There is no such task, or not any more."));
        else fill(this.said, problem(error));
      }
      await pause(AGAIN_MS, signal);
    }
  }

  /** Without a stream: the whole task, when it has changed. */
  show() {
    const now = JSON.stringify(this.task);
    if (now === this.last || !this.task) return;
    this.last = now;
    this.conversation.show(this.task);
    this.draw();
  }

  async load() {
    const task = await get(this.agent, this.id, this.leaving.signal);
    fill(this.said);
    this.task = task;
    this.conversation.place.context = task.contextId;
    this.title.replaceChildren(...foreign(about(task)));
    this.conversation.history(task.history ?? []);
    this.stand(task.status.state);
    this.head();
  }

  /** @param {Numbered} numbered */
  take(numbered) {
    // Looked at once a frame: it makes the browser lay out the page.
    if (!this.drawing) this.near = scrollY + innerHeight > document.documentElement.scrollHeight - NEAR_PX;
    this.seen = numbered.id;
    this.events.push(numbered);
    if (this.events.length > EVENTS_MAX) this.dropped += this.events.splice(0, EVENTS_MAX / 4).length;
    this.conversation.take(numbered.event);
    const { statusUpdate } = numbered.event;
    if (statusUpdate && this.task) {
      this.began ??= statusUpdate.status.timestamp;
      this.conversation.history(this.task.history ?? []);
      // What is older than the task as it was loaded is told again, and is no news.
      if ((statusUpdate.status.timestamp ?? "") >= (this.task.status.timestamp ?? "")) this.news(statusUpdate);
    }
    if (this.view !== "artifacts" || numbered.event.artifactUpdate) this.draw();
  }

  /** @param {StatusUpdate} update */
  news({ status, metadata }) {
    if (!this.task) return;
    const was = this.state;
    this.task.status = status;
    if (metadata) this.task.metadata = { ...this.task.metadata, ...metadata };
    this.stand(status.state);
    this.head();
    // Whoever answered, his words are in the history now.
    if (isAsking(was)) this.load().catch(() => {});
  }

  /** @param {string} state */
  stand(state) {
    if (state === this.state) return;
    if (this.state) announce(`The task: ${stateWord(state)}`);
    this.state = state;
    const stop = h("button", { type: "button", class: "deny" }, "Cancel task");
    stop.addEventListener("click", async () => {
      stop.disabled = true;
      try {
        await cancel(this.agent, this.id);
      } catch (error) {
        stop.disabled = false;
        fill(this.said, problem(error));
      }
    });
    fill(this.actions, badge(state), !isOver(state) && stop);
    if (isOver(state)) this.goOn();
    else fill(this.foot, !isAsking(state) && h("p", { class: "now" }, badge(state)));
  }

  /** What the task is, in a line. */
  head() {
    const { task } = this;
    if (!task) return;
    const usage = task.metadata?.usage ?? {};
    const spent = [
      usage.inputTokens !== undefined && `${usage.inputTokens} in`,
      usage.outputTokens !== undefined && `${usage.outputTokens} out`,
      usage.costUsd !== undefined && `$${Number(usage.costUsd).toFixed(4)}`,
    ]
      .filter(Boolean)
      .join(", ");
    const all = `#/tasks?${new URLSearchParams({ context: task.contextId })}`;
    fill(
      this.facts,
      fact("Agent", this.agent),
      fact(
        "Task",
        h("code", {}, task.id),
        copyButton(() => task.id, "the task’s id"),
      ),
      fact("Context", h("a", { href: all, title: "All tasks of this conversation" }, h("code", {}, foreign(task.contextId)))),
      fact("Updated", time(task.status.timestamp, true)),
      this.began && isOver(this.state) && fact("Took", lasted(Date.parse(task.status.timestamp ?? "") - Date.parse(this.began))),
      spent && fact("Used", spent),
    );
  }

  /** A field for what comes next: another task of the same conversation. */
  goOn() {
    const text = h("textarea", { id: "next", rows: 2, required: true, placeholder: "Go on with this conversation" });
    const button = h("button", { class: "primary" }, "Send");
    const form = h("form", { class: "next" }, h("label", { for: "next", class: "unseen" }, "Next message"), text, button);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!text.value.trim() || !this.task) return;
      button.disabled = true;
      try {
        const next = await send(this.agent, message([{ text: text.value }], { contextId: this.task.contextId }));
        location.hash = address(this.agent, next.id);
      } catch (error) {
        button.disabled = false;
        fill(this.said, problem(error));
      }
    });
    fill(this.foot, form);
  }

  /** Shows the view that is open, at most once a frame. */
  draw() {
    this.foot.hidden = this.view !== "";
    if (this.view === "") {
      if (this.panel.firstChild !== this.conversation.root) this.panel.replaceChildren(this.conversation.root);
    }
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      if (this.view === "") this.goDown();
      else if (this.view === "artifacts") this.drawArtifacts();
      else if (this.view === "timeline") fill(this.panel, timeline(this.events, this.dropped));
      else if (this.view === "events") rawEvents(this.panel, this.events, this.dropped);
    });
  }

  /** Whoever reads the end of what is written now, goes on reading there. */
  goDown() {
    if (this.near && !isOver(this.state)) scrollTo(0, document.documentElement.scrollHeight);
  }

  drawArtifacts() {
    const views = [...this.conversation.artifacts.values()];
    fill(
      this.panel,
      h(
        "div",
        { class: "conversation" },
        views.map((view) => view.copy()),
      ),
      views.length === 0 && h("p", { class: "empty" }, "No artifacts yet."),
    );
  }

  leave() {
    this.leaving.abort();
    this.conversation.leave();
  }
}

/** @param {number} ms @param {AbortSignal} signal */
const pause = (ms, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        done(undefined);
      },
      { once: true },
    );
  });
