// A client of this server's agents: A2A 1.0 over HTTP+JSON, and the list of agents that this caller may use.

import { events } from "./sse.js";
import { token } from "./session.js";

/** What the server answers when it does not do what was asked. */
export class Refused extends Error {
  /**
   * @param {number} status of HTTP; 0 when there was no answer
   * @param {string} message
   * @param {string} [reason] the code for programs
   */
  constructor(status, message, reason = "") {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${token() ?? ""}`, "A2A-Version": "1.0", ...options.headers };
  /** @type {Response} */
  let response;
  try {
    // The mode stays what it is by itself ("cors"): under any other one the page's referrer policy would turn Origin into null.
    response = await fetch(path, { cache: "no-store", redirect: "error", credentials: "omit", ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refused(0, "the server can not be reached");
  }
  if (response.ok) return response;
  const error = await refused(response);
  if (response.status === 401) document.dispatchEvent(new CustomEvent("signed-out", { detail: error.message }));
  throw error;
}

/** @param {Response} response */
async function refused(response) {
  const body = await response.json().catch(() => ({}));
  const { message = `the server answers ${response.status}`, details = [] } = body.error ?? {};
  const reason = details.find((/** @type {any} */ detail) => detail.reason)?.reason;
  const wait = response.headers.get("Retry-After");
  return new Refused(response.status, wait ? `${message}; try again in ${wait} s` : message, reason);
}

/**
 * @param {string} path
 * @param {Json} body
 * @param {AbortSignal} [signal]
 */
async function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(body), signal })).json();
}

/** Where an agent's calls go. @param {string} agent */
const base = (agent) => `/agents/${encodeURIComponent(agent)}`;

/** @returns {Promise<Agent[]>} */
export const agents = async () => (await (await ask("/agents")).json()).agents;

/**
 * @param {string} agent
 * @param {{ state?: string, context?: string, page?: string }} filter
 * @param {AbortSignal} [signal]
 * @returns {Promise<TaskList>}
 */
export async function list(agent, filter, signal) {
  const query = new URLSearchParams({ pageSize: "50", historyLength: "8" });
  if (filter.state) query.set("status", filter.state);
  if (filter.context) query.set("contextId", filter.context);
  if (filter.page) query.set("pageToken", filter.page);
  return (await ask(`${base(agent)}/tasks?${query}`, { signal })).json();
}

/**
 * @param {string} agent
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Task>}
 */
export const get = async (agent, id, signal) => (await ask(`${base(agent)}/tasks/${encodeURIComponent(id)}`, { signal })).json();

/** @param {string} agent @param {string} id @returns {Promise<Task>} */
export const cancel = (agent, id) => post(`${base(agent)}/tasks/${encodeURIComponent(id)}:cancel`, {});

/**
 * Sends a message; the task goes on by itself, whoever looks.
 * @param {string} agent
 * @param {Message} message
 * @returns {Promise<Task>}
 */
export async function send(agent, message) {
  const body = { message: /** @type {any} */ (message), configuration: { returnImmediately: true } };
  return (await post(`${base(agent)}/message:send`, body)).task;
}

/**
 * All events of a task from its first one on, or from behind one that was seen, and then what comes.
 * @param {string} agent
 * @param {string} id
 * @param {number} seen
 * @param {AbortSignal} signal
 */
export async function follow(agent, id, seen, signal) {
  const headers = { Accept: "text/event-stream", "Last-Event-ID": String(seen) };
  const response = await ask(`${base(agent)}/tasks/${encodeURIComponent(id)}:subscribe`, { headers, signal });
  if (!response.body) throw new Refused(0, "the stream has no body");
  return events(response.body);
}

/** How the server stands; for a token with the scope `admin`. @param {AbortSignal} signal @returns {Promise<ServerStatus>} */
export const status = async (signal) => (await ask("/admin/status", { signal })).json();

/**
 * The lines of the audit behind one that was seen, or the last ones; for a token with the scope `admin`.
 * @param {number | null} after
 * @param {AbortSignal} signal
 * @returns {Promise<AuditPage>}
 */
export const auditLines = async (after, signal) =>
  (await ask(`/admin/audit?${new URLSearchParams({ limit: "500", ...(after === null ? {} : { after: String(after) }) })}`, { signal })).json();

/**
 * What stands at an open path, as it was written.
 * @param {string} path
 */
export const open = async (path) => (await ask(path)).text();

/**
 * A message of this person.
 * @param {Part[]} parts
 * @param {{ taskId?: string, contextId?: string }} [place]
 * @returns {Message}
 */
export function message(parts, place = {}) {
  return { messageId: uuid(), role: "ROLE_USER", parts, ...place };
}

/** crypto.randomUUID is not there over plain HTTP. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
