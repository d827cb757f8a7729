// A task's log in two more ways: how long it was in which state, and every event as it came.

import { ACTIVITY } from "./conversation.js";
import { fill, foreign, h } from "./dom.js";
import { badge, firstLine, isOver, lasted, stateWord, textOf, time } from "./words.js";

/** Events that are listed as they came. */
const RAW_MAX = 500;

/** @param {Numbered[]} events @param {number} dropped */
export function timeline(events, dropped) {
  const updates = events.flatMap(({ id, event }) => (event.statusUpdate ? [{ id, status: event.statusUpdate.status }] : []));
  if (updates.length === 0) return h("p", { class: "empty" }, "No events yet.");
  const at = (/** @type {Status} */ status) => Date.parse(status.timestamp ?? "");
  const begin = at(updates[0].status);
  const rows = updates.map(({ id, status }) =>
    h(
      "tr",
      {},
      h("td", { class: "number" }, `#${id}`),
      h("td", {}, time(status.timestamp, true)),
      h("td", { class: "number" }, `+${lasted(at(status) - begin)}`),
      h("td", {}, badge(status.state)),
      h("td", {}, foreign(what(status))),
    ),
  );
  const heads = ["Event", "Time", "After", "State", "What"].map((name) => h("th", { scope: "col" }, name));
  return h(
    "div",
    {},
    phases(updates.map(({ status }) => status)),
    dropped > 0 && h("p", { class: "note" }, `${dropped} earlier events are not kept here.`),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Timeline" },
      h("table", { class: "timeline" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)),
    ),
  );
}

/** @param {Status} status */
function what(status) {
  const steps = status.message?.metadata?.[ACTIVITY]?.plan?.steps;
  if (!Array.isArray(steps)) return firstLine(textOf(status.message?.parts));
  return `Plan: ${steps.filter(({ state }) => state === "completed").length} of ${steps.length} done`;
}

/** A bar whose pieces are as long as the states lasted, and the same in words. @param {Status[]} statuses */
function phases(statuses) {
  /** @type {{ state: string, ms: number }[]} */
  const pieces = [];
  statuses.forEach((status, index) => {
    if (isOver(status.state)) return;
    const next = statuses[index + 1];
    const ms = (next ? Date.parse(next.timestamp ?? "") : Date.now()) - Date.parse(status.timestamp ?? "");
    const last = pieces[pieces.length - 1];
    if (last?.state === status.state) last.ms += ms;
    else pieces.push({ state: status.state, ms });
  });
  const bar = pieces.map(({ state, ms }) => {
    const piece = h("span", { class: badge(state).className });
    piece.style.flexGrow = String(Math.max(ms, 1));
    return piece;
  });
  return h(
    "div",
    { class: "phases" },
    h("div", { class: "phase-bar", "aria-hidden": "true" }, bar),
    h(
      "ul",
      {},
      pieces.map(({ state, ms }) => h("li", {}, badge(state), ` ${lasted(ms)}`)),
    ),
  );
}

/**
 * Adds what is not there yet, so that an opened event stays open.
 * @param {HTMLElement} panel
 * @param {Numbered[]} events
 * @param {number} dropped
 */
export function rawEvents(panel, events, dropped) {
  let list = panel.querySelector("ol.raw");
  if (!list) fill(panel, (list = h("ol", { class: "raw", "aria-label": "Events" })));
  const seen = Number(/** @type {HTMLElement | null} */ (list.lastElementChild)?.dataset.number ?? 0);
  for (const numbered of events.slice(-RAW_MAX)) {
    if (numbered.id > seen) list.append(raw(numbered));
  }
  while (list.childElementCount > RAW_MAX) list.firstElementChild?.remove();
  if (events.length === 0) fill(panel, h("p", { class: "empty" }, "No events yet."));
  else if ((dropped > 0 || events.length > RAW_MAX) && !panel.querySelector("p"))
    panel.prepend(h("p", { class: "note" }, `The last ${RAW_MAX} events.`));
}

/** @param {Numbered} numbered */
function raw({ id, json, event }) {
  const kind = Object.keys(event)[0] ?? "event";
  const status = event.statusUpdate?.status;
  const words = status
    ? `${stateWord(status.state)} ${what(status)}`
    : firstLine(textOf(event.artifactUpdate?.artifact.parts), 80);
  const details = h(
    "details",
    {},
    h("summary", {}, h("span", { class: "number" }, `#${id}`), " ", h("code", {}, kind), " ", foreign(words)),
  );
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) {
      details.append(
        h("pre", { class: "json", tabindex: 0, "aria-label": `Event ${id}` }, foreign(JSON.stringify(JSON.parse(json), null, 2))),
      );
    }
  });
  return h("li", { "data-number": id }, details);
}
