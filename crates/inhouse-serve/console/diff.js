// A patch as people read it: by file, with line numbers, added and removed lines told by a sign and not by colour alone.

import { foreign, h } from "./dom.js";

/** Lines of a patch that are shown. */
const LINES_MAX = 3_000;
/** Lines of a file that are shown without being asked for. */
const OPEN_LINES_MAX = 200;

/** @typedef {{ sign: string, old: number, new: number, text: string }} Line */
/** @typedef {{ path: string, what: string, lines: Line[], added: number, removed: number }} Changed */

/** @param {Part} part */
export const isPatch = (part) =>
  /^text\/x-(diff|patch)/.test(part.mediaType ?? "") || /\.(patch|diff)$/.test(part.filename ?? "");

/** @param {string} patch */
export function diff(patch) {
  const { files, cut } = parse(patch);
  const added = files.reduce((sum, file) => sum + file.added, 0);
  const removed = files.reduce((sum, file) => sum + file.removed, 0);
  return h(
    "div",
    { class: "diff" },
    h(
      "p",
      { class: "note" },
      `${files.length} ${files.length === 1 ? "file" : "files"} changed, ${added} added, ${removed} removed`,
    ),
    files.map(view),
    cut && h("p", { class: "note" }, "The patch goes on: save it to see the rest."),
  );
}

/** @param {Changed} file */
function view(file) {
  const rows = h("tbody");
  const details = h(
    "details",
    { open: file.lines.length <= OPEN_LINES_MAX },
    h(
      "summary",
      {},
      h("code", {}, foreign(file.path)),
      file.what && h("span", { class: "note" }, file.what),
      h("span", { class: "added" }, `+${file.added}`),
      h("span", { class: "removed" }, `−${file.removed}`),
    ),
    h(
      "div",
      { class: "diff-scroll", tabindex: 0, role: "region", "aria-label": `Changes of ${file.path}` },
      h("table", {}, rows),
    ),
  );
  // A long file is laid out when somebody opens it.
  const lay = () => rows.childElementCount === 0 && rows.append(...file.lines.map(row));
  if (details.open) lay();
  details.addEventListener("toggle", lay);
  return details;
}

/** @param {Line} line */
function row({ sign, old, new: next, text }) {
  if (sign === "@") return h("tr", { class: "hunk" }, h("td", { colspan: 3 }, foreign(text)));
  const kind = sign === "+" ? "is-added" : sign === "-" ? "is-removed" : null;
  return h(
    "tr",
    { class: kind },
    h("td", { class: "number" }, sign === "+" ? "" : String(old)),
    h("td", { class: "number" }, sign === "-" ? "" : String(next)),
    h("td", { class: "line" }, h("span", { class: "sign" }, sign), foreign(text)),
  );
}

/** @param {string} patch @returns {{ files: Changed[], cut: boolean }} */
export function parse(patch) {
  /** @type {Changed[]} */
  const files = [];
  /** @type {Changed | undefined} */
  let file;
  let [old, next, oldLeft, nextLeft, count] = [0, 0, 0, 0, 0];
  /** @param {string} sign @param {string} text */
  const add = (sign, text) => file?.lines.push({ sign, old, new: next, text });
  for (const text of patch.split("\n")) {
    if ((count += 1) > LINES_MAX) return { files, cut: true };
    if (file && (oldLeft > 0 || nextLeft > 0)) {
      const sign = text[0] ?? " ";
      if (sign === "+") [nextLeft, file.added] = [nextLeft - 1, file.added + 1];
      else if (sign === "-") [oldLeft, file.removed] = [oldLeft - 1, file.removed + 1];
      else if (sign === "\\") continue;
      else [oldLeft, nextLeft] = [oldLeft - 1, nextLeft - 1];
      add(sign, text.slice(1));
      if (sign !== "+") old += 1;
      if (sign !== "-") next += 1;
      continue;
    }
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(text);
    if (text.startsWith("diff --git ")) {
      files.push((file = { path: text.replace(/^.* b\//, ""), what: "", lines: [], added: 0, removed: 0 }));
    } else if (hunk && file) {
      [old, oldLeft, next, nextLeft] = [Number(hunk[1]), Number(hunk[2] ?? 1), Number(hunk[3]), Number(hunk[4] ?? 1)];
      add("@", text);
    } else if (text.startsWith("--- ") && !patch.startsWith("diff --git ")) {
      files.push((file = { path: text.slice(4), what: "", lines: [], added: 0, removed: 0 }));
    } else if (file) note(file, text);
  }
  return { files, cut: false };
}

/** What git says of a file before its first hunk. @param {Changed} file @param {string} text */
function note(file, text) {
  if (text.startsWith("new file")) file.what = "new";
  else if (text.startsWith("deleted file")) file.what = "deleted";
  else if (text.startsWith("rename from ")) file.what = `renamed from ${text.slice(12)}`;
  else if (/^(Binary files|GIT binary)/.test(text)) file.what = "binary";
  else if (text.startsWith("+++ b/")) file.path = text.slice(6);
}
