// Words for people: states, times, amounts, and the beginning of what was said.

import { h } from "./dom.js";

/** @type {{ [state: string]: [string, string] }} */
const STATES = {
  TASK_STATE_SUBMITTED: ["Queued", "waiting"],
  TASK_STATE_WORKING: ["Working", "working"],
  TASK_STATE_INPUT_REQUIRED: ["Asks you", "asking"],
  TASK_STATE_AUTH_REQUIRED: ["Wants a login", "asking"],
  TASK_STATE_COMPLETED: ["Completed", "good"],
  TASK_STATE_FAILED: ["Failed", "bad"],
  TASK_STATE_CANCELED: ["Canceled", "over"],
  TASK_STATE_REJECTED: ["Rejected", "bad"],
};

export const states = Object.keys(STATES);

/** @param {string} state */
export const stateWord = (state) => STATES[state]?.[0] ?? state;

/** @param {string} state */
export const isOver = (state) => /_(COMPLETED|FAILED|CANCELED|REJECTED)$/.test(state);

/** @param {string} state */
export const isAsking = (state) => /_(INPUT|AUTH)_REQUIRED$/.test(state);

/** @param {string} state */
export const badge = (state) => h("span", { class: `state ${STATES[state]?.[1] ?? "waiting"}` }, stateWord(state));

/** All texts of a message or an artifact. @param {Part[]} [parts] */
export const textOf = (parts = []) => parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join("\n");

/** The first line that says something, cut. @param {string} text @param {number} [max] */
export function firstLine(text, max = 160) {
  const line =
    text
      .split("\n")
      .find((line) => line.trim())
      ?.trim() ?? "";
  return line.length > max ? `${line.slice(0, max)}…` : line;
}

/** What a task is about: the first words of its caller. @param {Task} task */
export function about(task) {
  const asked = task.history?.find((message) => message.role === "ROLE_USER") ?? task.status.message;
  return firstLine(textOf(asked?.parts)) || "(no text)";
}

/** The first characters of an id: enough to tell it from its neighbours. @param {string} id */
export const short = (id) => (id.length > 13 ? `${id.slice(0, 8)}…` : id);

/** @param {string | number | undefined} when @param {boolean} [seconds] the time of day to the second */
export function time(when, seconds = false) {
  if (when === undefined) return h("span", {}, "–");
  const date = new Date(when);
  return h("time", { datetime: date.toISOString(), title: date.toLocaleString() }, seconds ? clock(date) : ago(date));
}

/** @param {Date} date */
const clock = (date) => date.toLocaleTimeString(undefined, { hour12: false });

/** @param {Date} date */
function ago(date) {
  const s = Math.max(0, Math.round((Date.now() - date.getTime()) / 1000));
  if (s < 5) return "now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return date.toLocaleDateString();
}

/** @param {number} ms */
export function lasted(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.round(s)} s`;
  return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
}

/** What base64 says, of either alphabet. @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export const decode = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
