// The console's frame: who is signed in, and which screen the address names. Everything that a screen shows it asks for itself.

import { agents as agentsScreen } from "./agents.js";
import { audit } from "./audit.js";
import { announce } from "./dom.js";
import { compose } from "./compose.js";
import { forget, takeFromAddress, token } from "./session.js";
import { signIn } from "./signin.js";
import { status } from "./status.js";
import { task } from "./task.js";
import { tasks } from "./tasks.js";

/**
 * @typedef {object} Address
 * @property {string[]} parts
 * @property {URLSearchParams} query
 */

/** @type {[RegExp, (parts: string[], query: URLSearchParams) => Shown][]} */
const SCREENS = [
  [/^\/tasks$/, tasks],
  [/^\/tasks\/([^/]+)\/([^/]+)(?:\/(artifacts|timeline|events))?$/, task],
  [/^\/new$/, compose],
  [/^\/agents$/, agentsScreen],
  [/^\/audit$/, audit],
  [/^\/status$/, status],
];

/** @type {Shown | null} */
let shown = null;
/** What of the address makes a screen another one. */
let shownKey = "";

const main = element("main");
const leave = element("leave");
const nav = element("nav");

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no ${id}`);
  return found;
}

/** @param {Shown} screen @param {string} key */
function show(screen, key) {
  shown?.leave?.();
  const isFirst = shown === null;
  [shown, shownKey] = [screen, key];
  document.title = `${screen.title} · inhouse`;
  main.replaceChildren(screen.root);
  if (isFirst) return;
  // Who listens to the page hears where he is now.
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
  announce(screen.title);
}

function route() {
  takeFromAddress();
  const isIn = token() !== null;
  nav.hidden = leave.hidden = !isIn;
  if (!isIn) return showSignIn("");
  const [path, query = ""] = location.hash.slice(1).split("?");
  for (const [pattern, screen] of SCREENS) {
    const found = pattern.exec(path);
    const parts = found && named(found);
    if (!parts) continue;
    mark(path);
    const parameters = new URLSearchParams(query);
    const key = [pattern.source, ...parts.slice(0, 2)].join(" ");
    // The same thing seen otherwise: what is there stays, and with it the focus.
    if (key === shownKey && shown?.go) return shown.go(parts, parameters);
    return show(screen(parts, parameters), key);
  }
  location.replace("#/tasks");
}

/** What an address names, unless one of it is no text at all. @param {RegExpExecArray} found @returns {string[] | null} */
function named(found) {
  try {
    return found.slice(1).map((part) => decodeURIComponent(part ?? ""));
  } catch {
    return null;
  }
}

/** @param {string} path */
function mark(path) {
  for (const link of nav.querySelectorAll("a")) {
    const here = path.startsWith(link.hash.slice(1));
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** @param {string} why */
function showSignIn(why) {
  nav.hidden = leave.hidden = true;
  show(signIn(why, route), "sign in");
}

leave.addEventListener("click", () => {
  forget();
  shownKey = "";
  route();
});
document.addEventListener("signed-out", (event) => {
  forget();
  showSignIn(/** @type {CustomEvent<string>} */ (event).detail);
});
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", route);
route();
