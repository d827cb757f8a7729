// What agents and people say, part by part. Texts are texts, files can be saved and never opened, addresses are not links.

import { diff, isPatch } from "./diff.js";
import { append, fill, foreign, h } from "./dom.js";
import { decode, size } from "./words.js";

/** Characters of one artifact that are shown; what is beyond can be saved. */
const SHOWN_CHARS_MAX = 500_000;
/** Bytes of a file of text that are shown. */
const PREVIEW_BYTES_MAX = 200_000;

/** The parts of a message. @param {Part[]} parts */
export const partsOf = (parts) =>
  parts.map((part) => (part.text === undefined ? other(part) : h("div", { class: "text" }, foreign(part.text))));

/** An artifact, which grows while it is shown. */
export class ArtifactView {
  /** @param {Artifact} artifact */
  constructor(artifact) {
    this.artifact = artifact;
    this.title = artifact.name ?? "";
    this.body = h("div", {});
    this.root = h("section", { class: "artifact", "aria-label": this.title || "Answer" });
    this.name(artifact);
    this.root.append(this.body);
    /** @type {HTMLElement | null} the text that further text goes on with */
    this.open = null;
    this.chars = 0;
    /** @type {Part[]} */
    this.parts = [];
    /** @type {HTMLElement | null} */
    this.rest = null;
  }

  /** @param {Artifact} artifact */
  name({ name, description, metadata }) {
    if (!name && !description) return;
    const omitted = metadata?.changes?.omitted?.length;
    append(
      this.root,
      h(
        "div",
        { class: "artifact-head" },
        name && h("h2", {}, foreign(name)),
        description && h("p", { class: "note" }, foreign(description)),
        omitted && h("p", { class: "note" }, `${omitted} left out`),
      ),
    );
  }

  /** The same as it stands now, for another place. */
  copy() {
    const copy = new ArtifactView(this.artifact);
    for (const part of this.parts) copy.take({ artifact: { ...this.artifact, parts: [part] }, append: true });
    return copy.root;
  }

  /** @param {ArtifactUpdate} update */
  take({ artifact, append: goesOn }) {
    if (!goesOn) {
      fill(this.body);
      [this.open, this.rest, this.chars, this.parts] = [null, null, 0, []];
    }
    for (const part of artifact.parts) {
      this.parts.push(part);
      if (part.text !== undefined && !isPatch(part)) this.say(part.text);
      else {
        this.open = null;
        this.body.append(other(part));
      }
    }
  }

  /** @param {string} text */
  say(text) {
    const room = Math.max(0, SHOWN_CHARS_MAX - this.chars);
    this.chars += text.length;
    if (room > 0) {
      if (!this.open) this.body.append((this.open = h("div", { class: "text" })));
      append(this.open, foreign(text.slice(0, room)));
    }
    if (this.chars > SHOWN_CHARS_MAX) this.tellRest();
  }

  tellRest() {
    if (!this.rest) {
      const button = save(() => this.parts.map((part) => part.text ?? "").join(""), "answer.txt", "Save all of it");
      this.rest = h("p", { class: "note" }, h("span", {}), " ", button);
      this.body.append(this.rest);
    }
    const more = this.rest.firstElementChild;
    if (more) more.textContent = `… and ${size(this.chars - SHOWN_CHARS_MAX)} more.`;
  }
}

/** A part that is no plain text. @param {Part} part @returns {HTMLElement} */
function other(part) {
  if (part.data !== undefined)
    return h("pre", { class: "json", tabindex: 0, "aria-label": "Data" }, foreign(JSON.stringify(part.data, null, 2)));
  if (part.url !== undefined) {
    return h(
      "p",
      { class: "file" },
      h("span", { class: "file-name" }, foreign(part.filename ?? "A file elsewhere")),
      h("code", {}, foreign(part.url)),
    );
  }
  const bytes = part.raw === undefined ? new TextEncoder().encode(part.text ?? "") : decoded(part.raw);
  const name = part.filename || (isPatch(part) ? "changes.patch" : "file");
  const head = h(
    "p",
    { class: "file" },
    h("span", { class: "file-name" }, foreign(name)),
    h("span", { class: "note" }, foreign([part.mediaType, size(bytes.length)].filter(Boolean).join(", "))),
    save(() => bytes, name, "Save"),
  );
  if (isPatch(part)) return h("div", {}, head, diff(new TextDecoder().decode(bytes)));
  const isText = /^text\/|json|xml|yaml|toml|javascript/.test(part.mediaType ?? "") && bytes.length <= PREVIEW_BYTES_MAX;
  if (!isText) return head;
  return h(
    "div",
    {},
    head,
    h(
      "details",
      {},
      h("summary", {}, "Show"),
      h("pre", { tabindex: 0, "aria-label": "Contents" }, foreign(new TextDecoder().decode(bytes))),
    ),
  );
}

/** @param {string} raw base64 @returns {Uint8Array<ArrayBuffer>} */
function decoded(raw) {
  try {
    return decode(raw);
  } catch {
    return new Uint8Array();
  }
}

/**
 * A button that saves a file. As a file without a type it is nothing that this browser would open as a page of ours.
 * @param {() => string | Uint8Array<ArrayBuffer>} content
 * @param {string} name
 * @param {string} label
 */
function save(content, name, label) {
  const button = h("button", { type: "button", class: "quiet", "aria-label": `${label}: ${name}` }, label);
  button.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([content()], { type: "application/octet-stream" }));
    const plain =
      name
        .split(/[\\/]/)
        .pop()
        ?.replace(/[^\w.() -]/g, "_") || "file";
    h("a", { href: url, download: plain }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  });
  return button;
}
