// What was decided, latest first, as the audit has it: what `inhouse audit tail` says, for those who run the server.

import { auditLines } from "./api.js";
import { fill, foreign, h } from "./dom.js";
import { AGAIN_MS, missed } from "./status.js";
import { Watch } from "./watch.js";
import { lasted, time } from "./words.js";

/** Lines that are shown; the audit itself has all. */
const LINES_MAX = 1_000;

/** Outcomes that are no refusal and no failure, by how they look. @type {{ [outcome: string]: string }} */
const KINDS = {
  ok: "good",
  completed: "good",
  allow: "good",
  canceled: "over",
  deny: "over",
  "input-required": "asking",
  "auth-required": "asking",
};

/**
 * @param {string[]} _
 * @param {URLSearchParams} query
 * @returns {Shown}
 */
export function audit(_, query) {
  const page = new AuditPage(query);
  page.watch.again();
  return { title: "Audit", root: page.root, go: (_, query) => page.filter(query), leave: () => page.watch.leave() };
}

class AuditPage {
  /** @param {URLSearchParams} query */
  constructor(query) {
    this.watch = new Watch((signal) => this.look(signal));
    /** @type {number | null} */
    this.seen = null;
    /** @type {AuditLine[]} latest first */
    this.lines = [];
    this.said = h("div", {});
    this.list = h("ol", { class: "audit", "aria-label": "Lines of the audit" });
    this.words = h("input", { id: "words", type: "search", placeholder: "Any", spellcheck: "false", autocomplete: "off" });
    this.looks = h("input", { id: "looks", type: "checkbox" });
    const form = h(
      "form",
      { class: "filters", role: "search", "aria-label": "Filter the audit" },
      h("div", { class: "wide" }, h("label", { for: "words" }, "Contains"), this.words),
      h("label", { class: "choice", for: "looks" }, this.looks, "Looks of this page too"),
    );
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", () => this.change());
    this.root = h("div", {}, h("div", { class: "head" }, h("h1", {}, "Audit")), form, this.said, this.list);
    this.filter(query);
  }

  /** What the fields say stands in the address. */
  change() {
    const query = new URLSearchParams();
    if (this.words.value.trim()) query.set("words", this.words.value.trim());
    if (this.looks.checked) query.set("looks", "1");
    location.hash = `#/audit${query.size ? `?${query}` : ""}`;
  }

  /** @param {URLSearchParams} query */
  filter(query) {
    if (document.activeElement !== this.words) this.words.value = query.get("words") ?? "";
    this.wanted = (query.get("words") ?? "").toLowerCase();
    this.looks.checked = query.has("looks");
    fill(this.list, this.lines.filter((line) => this.fits(line)).map(entry));
  }

  /** @param {AuditLine} line */
  fits(line) {
    if (!this.looks.checked && line.operation?.includes(" /admin/")) return false;
    return !this.wanted || JSON.stringify(line).toLowerCase().includes(this.wanted);
  }

  /** @param {AbortSignal} signal */
  async look(signal) {
    try {
      const { lines, next } = await auditLines(this.seen, signal);
      fill(this.said);
      this.seen = next;
      this.take(lines.reverse());
    } catch (error) {
      return missed(this.said, error, signal);
    }
    return AGAIN_MS;
  }

  /** @param {AuditLine[]} lines */
  take(lines) {
    this.lines = [...lines, ...this.lines].slice(0, LINES_MAX);
    this.list.prepend(...lines.filter((line) => this.fits(line)).map(entry));
    while (this.list.children.length > LINES_MAX) this.list.lastElementChild?.remove();
  }
}

/** @param {AuditLine} line */
function entry(line) {
  const { time_ms, who, operation, agent, outcome = "", duration_us } = line;
  const kind = KINDS[outcome] ?? (outcome ? "bad" : "over");
  return h(
    "li",
    {},
    h(
      "details",
      {},
      h(
        "summary",
        {},
        time(time_ms, true),
        h("span", { class: `state ${kind}` }, ...foreign(outcome)),
        h("span", { class: "about" }, ...foreign([operation, agent].filter(Boolean).join(" · "))),
        h("span", { class: "agent" }, ...foreign(who ?? "")),
        h("span", { class: "number" }, duration_us === undefined ? "" : lasted(duration_us / 1000)),
      ),
      h("pre", { class: "json", tabindex: 0, "aria-label": "Line" }, foreign(JSON.stringify(line, null, 2))),
    ),
  );
}
