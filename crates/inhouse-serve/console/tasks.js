// All tasks of this caller, those of all agents in one list, latest first. The protocol has no stream of tasks, so the list is asked
// for again: often while something goes on, seldom otherwise, and never while nobody looks.

import { agents, list } from "./api.js";
import { append, fill, foreign, h, problem } from "./dom.js";
import { Watch } from "./watch.js";
import { about, badge, isOver, short, stateWord, states, time } from "./words.js";

const BUSY_MS = 2_000;
const QUIET_MS = 10_000;
/** Pages of each agent that are held. */
const PAGES_MAX = 20;

/** @typedef {{ agent: Agent, task: Task }} Row */

/**
 * @param {string[]} _
 * @param {URLSearchParams} query
 * @returns {Shown}
 */
export function tasks(_, query) {
  const page = new TasksPage(query);
  page.again();
  return { title: "Tasks", root: page.root, go: (_, query) => page.go(query), leave: () => page.leave() };
}

class TasksPage {
  /** @param {URLSearchParams} filter */
  constructor(filter) {
    this.filter = filter;
    this.pages = 1;
    /** @type {Agent[]} */
    this.known = [];
    this.watch = new Watch((signal) => this.refresh(signal));
    this.rows = h("ul", { class: "tasks", "aria-label": "Tasks" });
    this.said = h("div", {});
    this.more = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => this.older() }, "Show older tasks");
    this.bar = filters(
      () => this.filter,
      (name, value) => this.change(name, value),
    );
    const title = h(
      "div",
      { class: "head" },
      h("h1", {}, "Tasks"),
      h("a", { class: "button primary", href: "#/new" }, "New message"),
    );
    this.root = h("div", {}, title, this.bar.root, this.said, this.rows, this.more);
  }

  /** @param {string} name @param {string} value */
  change(name, value) {
    const next = new URLSearchParams(this.filter);
    if (value) next.set(name, value);
    else next.delete(name);
    location.hash = `#/tasks${next.size ? `?${next}` : ""}`;
  }

  /** @param {URLSearchParams} filter */
  go(filter) {
    [this.filter, this.pages] = [filter, 1];
    this.again();
  }

  older() {
    this.pages += 1;
    this.again();
  }

  again() {
    this.bar.show(this.known);
    this.watch.again();
  }

  /** @param {AbortSignal} signal */
  async refresh(signal) {
    try {
      if (this.known.length === 0) this.bar.show((this.known = await agents()));
      const found = await load(this.known, this.filter, this.pages, signal);
      if (signal.aborted) return 0;
      fill(this.said);
      show(this.rows, found.rows, this.filter.size > 0);
      this.more.hidden = !found.more || this.pages >= PAGES_MAX;
      if (found.rows.some(({ task }) => !isOver(task.status.state))) return BUSY_MS;
    } catch (error) {
      if (!signal.aborted) fill(this.said, problem(error));
    }
    return QUIET_MS;
  }

  leave() {
    this.watch.leave();
  }
}

/**
 * The fields above the list. What they say stands in the address.
 * @param {() => URLSearchParams} filter
 * @param {(name: string, value: string) => void} change
 */
function filters(filter, change) {
  const state = h(
    "select",
    { id: "filter-state" },
    h("option", { value: "" }, "Any state"),
    states.map((name) => h("option", { value: name }, stateWord(name))),
  );
  const agent = h("select", { id: "filter-agent" });
  const context = h("input", {
    id: "filter-context",
    type: "search",
    placeholder: "Any",
    spellcheck: "false",
    autocomplete: "off",
  });
  for (const [name, field] of /** @type {const} */ ([
    ["state", state],
    ["agent", agent],
    ["context", context],
  ])) {
    field.addEventListener("change", () => change(name, field.value.trim()));
  }
  const root = h(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter tasks" },
    h("div", {}, h("label", { for: "filter-state" }, "State"), state),
    h("div", {}, h("label", { for: "filter-agent" }, "Agent"), agent),
    h("div", { class: "wide" }, h("label", { for: "filter-context" }, "Context"), context),
  );
  root.addEventListener("submit", (event) => event.preventDefault());
  /** @param {Agent[]} known */
  function show(known) {
    if (agent.options.length !== known.length + 1) {
      fill(
        agent,
        h("option", { value: "" }, "Any agent"),
        known.map(({ name }) => h("option", { value: name }, name)),
      );
    }
    state.value = filter().get("state") ?? "";
    agent.value = filter().get("agent") ?? "";
    if (document.activeElement !== context) context.value = filter().get("context") ?? "";
  }
  return { root, show };
}

/**
 * The tasks of the first pages of each agent, as far as it is certain that none is missing between them.
 * @param {Agent[]} known
 * @param {URLSearchParams} filter
 * @param {number} pages
 * @param {AbortSignal} signal
 * @returns {Promise<{ rows: Row[], more: boolean }>}
 */
async function load(known, filter, pages, signal) {
  const wanted = known.filter(({ name }) => !filter.get("agent") || filter.get("agent") === name);
  const asked = { state: filter.get("state") ?? "", context: filter.get("context") ?? "" };
  let horizon = 0;
  /** @param {Agent} agent */
  async function all(agent) {
    /** @type {Row[]} */
    const rows = [];
    let page = "";
    for (let number = 0; number < pages; number++) {
      const found = await list(agent.name, { ...asked, page }, signal);
      rows.push(...found.tasks.map((task) => ({ agent, task })));
      page = found.nextPageToken;
      if (!page) return rows;
    }
    horizon = Math.max(horizon, when(rows[rows.length - 1]));
    return rows;
  }
  const rows = (await Promise.all(wanted.map(all))).flat();
  rows.sort((a, b) => when(b) - when(a));
  return { rows: rows.filter((row) => when(row) >= horizon), more: horizon > 0 };
}

/** @param {Row} row */
const when = ({ task }) => Date.parse(task.status.timestamp ?? "") || 0;

/**
 * Shows the rows and keeps elements that are there already: so does the focus.
 * @param {HTMLUListElement} into
 * @param {Row[]} rows
 * @param {boolean} filtered
 */
function show(into, rows, filtered) {
  /** @type {Map<string, Element>} */
  const there = new Map(Array.from(into.children, (item) => [/** @type {HTMLElement} */ (item).dataset.key ?? "", item]));
  let at = into.firstElementChild;
  for (const row of rows) {
    const key = `${row.agent.name} ${row.task.id}`;
    const item = there.get(key) ?? h("li", { "data-key": key }, h("a", { href: address(row.agent.name, row.task.id) }));
    there.delete(key);
    const mark = `${row.task.status.state} ${row.task.status.timestamp}`;
    const link = item.firstElementChild;
    if (link && item.getAttribute("data-mark") !== mark) {
      item.setAttribute("data-mark", mark);
      fill(
        link,
        badge(row.task.status.state),
        h("span", { class: "about" }, foreign(about(row.task))),
        h("span", { class: "agent" }, row.agent.name),
        h("span", { class: "id", title: row.task.id }, short(row.task.id)),
      );
      append(link, time(row.task.status.timestamp));
    }
    link?.querySelector("time")?.replaceWith(time(row.task.status.timestamp));
    if (item === at) at = item.nextElementSibling;
    else into.insertBefore(item, at);
  }
  there.forEach((item) => item.remove());
  if (rows.length === 0) {
    fill(
      into,
      h(
        "li",
        { class: "empty", "data-key": "empty" },
        filtered ? "No task fits these filters." : ["No tasks yet. ", h("a", { href: "#/new" }, "Send the first message"), "."],
      ),
    );
  }
}

/** @param {string} agent @param {string} id @param {string} [view] */
export const address = (agent, id, view = "") =>
  `#/tasks/${encodeURIComponent(agent)}/${encodeURIComponent(id)}${view ? `/${view}` : ""}`;
