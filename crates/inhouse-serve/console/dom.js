// Elements, made one by one. Texts only ever become text nodes: there is no way from here to markup.

/**
 * @typedef {Node | string | null | undefined | false} Child
 */

/**
 * An element with attributes and children. `on…` are listeners; an attribute that is false, null or undefined is left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {{ [name: string]: string | number | boolean | null | undefined | ((event: any) => void) }} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, ...children);
  return element;
}

/** @param {Element} element @param {...(Child | Child[])} children */
export function append(element, ...children) {
  for (const child of children.flat()) {
    if (child) element.append(child);
  }
}

/** Puts children in the place of those that are there. @param {Element} element @param {...(Child | Child[])} children */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, ...children);
}

/**
 * Characters that are not what they seem: controls, those without width, and those that turn the direction of the text around them, with
 * which a command could look like another one. They are those of `is_hidden` in inhouse-trust, without the marks of a direction, since each
 * text stands on its own, and the joiners, which scripts and pictures need.
 */
const DECEIVING =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/**
 * A text of somebody else as nodes: what could deceive is shown by its number.
 * @param {string} text
 * @returns {Node[]}
 */
export function foreign(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(DECEIVING)) {
    if (found[0] === "\r" && text[found.index + 1] === "\n") continue;
    if (found.index > end) nodes.push(document.createTextNode(text.slice(end, found.index)));
    const number = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(h("span", { class: "code-point" }, `U+${number}`));
    end = found.index + found[0].length;
  }
  if (end < text.length) nodes.push(document.createTextNode(text.slice(end)));
  return nodes;
}

/** A name with its value, for a list of them. @param {string} name @param {...Child} value */
export const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));

/** A button that copies a text, where the browser lets a page do so. @param {() => string} text @param {string} what */
export function copyButton(text, what) {
  if (!navigator.clipboard) return null;
  const button = h("button", { type: "button", class: "copy", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text());
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}

/** Says something to people who listen to the page. @param {string} text */
export function announce(text) {
  const region = document.getElementById("announcements");
  if (region) region.textContent = text;
}

/** A table that can be scrolled sideways. @param {string} name @param {string[]} heads @param {Child[][]} rows */
export function table(name, heads, rows) {
  const head = h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)));
  const body = rows.map((cells) => h("tr", {}, ...cells.map((cell, at) => h(at ? "td" : "th", { scope: at ? null : "row" }, cell))));
  const inner = h("table", {}, h("thead", {}, head), h("tbody", {}, body));
  return h("div", { class: "scroll", role: "region", "aria-label": name, tabindex: 0 }, inner);
}

/** What went wrong, as a box that is read out. @param {unknown} error */
export function problem(error) {
  const text = error instanceof Error ? error.message : String(error);
  return h("p", { class: "problem", role: "alert" }, foreign(text));
}
