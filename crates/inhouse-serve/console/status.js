// How the server stands, for those who run it: what `inhouse status` says, asked for again while somebody looks.

import { Refused, status as ask } from "./api.js";
import { fact, fill, foreign, h, problem, table } from "./dom.js";
import { Watch } from "./watch.js";
import { lasted, size, stateWord, time } from "./words.js";

export const AGAIN_MS = 5_000;

/** @returns {Shown} */
export function status() {
  const page = new StatusPage();
  page.watch.again();
  return { title: "Status", root: page.root, leave: () => page.watch.leave() };
}

class StatusPage {
  constructor() {
    this.watch = new Watch((signal) => this.look(signal));
    this.said = h("div", {});
    this.now = h("div", {});
    this.settings = h("div", {});
    /** What the settings were made of: as long as it stays the same, so do they. */
    this.config = "";
    this.root = h("div", { class: "status" }, h("div", { class: "head" }, h("h1", {}, "Status")), this.said, this.now, this.settings);
  }

  /** @param {AbortSignal} signal */
  async look(signal) {
    try {
      const found = await ask(signal);
      fill(this.said);
      fill(this.now, facts(found), agents(found.agents), tasks(found), limits(found.limits));
      const config = JSON.stringify(found.config);
      if (config !== this.config) fill(this.settings, configuration(found.config));
      this.config = config;
    } catch (error) {
      return missed(this.said, error, signal);
    }
    return AGAIN_MS;
  }
}

/**
 * Says why a look at the server has shown nothing.
 * @param {Element} said
 * @param {unknown} error
 * @param {AbortSignal} signal
 * @returns {number} when to look again; whoever may not, never
 */
export function missed(said, error, signal) {
  if (signal.aborted) return 0;
  const mayNot = error instanceof Refused && error.status === 403;
  const cure = h("code", {}, "inhouse token new NAME --scope read --scope admin");
  fill(said, problem(error), mayNot && h("p", { class: "note" }, "This is for those who run the server: ", cure));
  return mayNot ? 0 : AGAIN_MS;
}

/** @param {ServerStatus} found */
function facts({ version, started, uptime_s, containment, tls, listening, connections, readers, push }) {
  return h(
    "dl",
    { class: "facts" },
    fact("Version", version),
    fact("Started", time(started), h("span", { class: "note" }, `up ${lasted(uptime_s * 1000)}`)),
    fact("Listens on", listening.join(", "), h("span", { class: "note" }, tls ? "with TLS" : "without TLS")),
    fact("Agents are held in", h("code", {}, containment.tier)),
    containment.shortfall && fact("No firmer", ...foreign(containment.shortfall)),
    fact("Connections", String(connections)),
    fact("Streams", String(readers)),
    push && fact("Webhooks", `${push.following} told, ${push.behind} behind`),
  );
}

/** @param {AgentStatus[]} all */
function agents(all) {
  const rows = all.map(({ name, driver, running, running_max, waiting, waiting_max, asking, today }) => [
    name,
    driver,
    `${running} of ${running_max}`,
    `${waiting} of ${waiting_max}`,
    String(asking),
    spent(today),
  ]);
  return [h("h2", {}, "Agents"), table("Agents", ["Agent", "Driver", "Running", "Waiting", "Asking", "Used today"], rows)];
}

/** @param {AgentStatus["today"]} today */
function spent({ tokens, usd, budgets = {} }) {
  const bounds = Object.entries(budgets).map(([name, max]) => `${name} ${max.toLocaleString()}`);
  return [`${tokens.toLocaleString()} tokens, $${usd.toFixed(2)}`, ...bounds].join("; ");
}

/** @param {ServerStatus} found */
function tasks({ tasks: { states, kept, kept_bytes } }) {
  const all = Object.entries(states).map(([state, count]) => fact(stateWord(state), String(count)));
  return [h("h2", {}, "Tasks"), h("dl", { class: "facts" }, ...all, fact("Kept at rest", `${kept}, ${size(kept_bytes)}`))];
}

/** @param {ServerStatus["limits"]} all */
function limits(all) {
  const row = (/** @type {ServerStatus["limits"][number]} */ { name, value, used }) => [
    h("code", {}, name),
    value.toLocaleString(),
    used === undefined ? "" : used.toLocaleString(),
    used === undefined ? "" : h("meter", { min: 0, max: value, value: Math.min(used, value), "aria-label": `${name} in use` }),
  ];
  const heads = ["Limit", "Value", "In use", "Share"];
  const taken = all.filter(({ used }) => used !== undefined);
  const others = all.filter(({ used }) => used === undefined);
  return [
    h("h2", {}, "Limits"),
    table("Limits in use", heads, taken.map(row)),
    h("details", {}, h("summary", {}, `${others.length} more`), table("Other limits", heads.slice(0, 2), others.map((one) => row(one).slice(0, 2)))),
  ];
}

/** The settings as they are in force; those that somebody has made come without being asked for. @param {ServerStatus["config"]} tables */
function configuration(tables) {
  const list = h("div", {});
  const all = h("input", { type: "checkbox", id: "defaults" });
  const draw = () => fill(list, tables.flatMap((one) => settings(one, all.checked)));
  all.addEventListener("change", draw);
  draw();
  const choice = h("label", { class: "choice", for: "defaults" }, all, "Defaults too");
  return [h("div", { class: "head" }, h("h2", {}, "Configuration"), choice), list];
}

/** @param {ServerStatus["config"][number]} one @param {boolean} defaults */
function settings({ table: name, settings }, defaults) {
  const shown = settings.filter(({ origin }) => defaults || origin !== "default");
  if (shown.length === 0) return [];
  const rows = shown.map(({ key, value, origin }) => [
    h("code", {}, key),
    h("code", {}, ...foreign(JSON.stringify(value))),
    h("span", { class: "note" }, ...foreign(origin)),
  ]);
  return [h("h3", {}, name), table(`Settings of ${name}`, ["Setting", "Value", "From"], rows)];
}
