// What an agent asks, and the form that answers it: by the request's id, so that no answer is taken for that of another request.

import { message, send } from "./api.js";
import { append, fill, foreign, h, problem } from "./dom.js";
import { lasted, textOf } from "./words.js";

/** @typedef {{ agent: string, task: string, context: string }} Place */

/** The request that a status message carries, if it carries one. @param {Message} [said] @returns {AskRequest | undefined} */
const requestOf = (said) =>
  /** @type {any} */ (said?.parts.find((part) => /** @type {any} */ (part.data)?.request)?.data)?.request;

/** The card of a request; `settle` makes it one that is over. */
export class AskView {
  /** @param {Status} status @param {Place} place */
  constructor(status, place) {
    this.request = requestOf(status.message);
    this.said = h("div", {});
    this.form = this.request ? structured(this.request) : plain();
    append(this.form, this.said);
    const title = status.state.includes("AUTH")
      ? "The agent wants a login"
      : this.request?.kind === "permission"
        ? "The agent asks for leave"
        : "The agent asks";
    this.root = h("section", { class: "ask", "aria-label": title }, h("h2", {}, title), this.question(status), this.form);
    this.form.addEventListener("submit", (event) => this.answer(/** @type {SubmitEvent} */ (event), place));
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.clock = undefined;
    if (this.request?.expiresAtMs) this.countDown(this.request.expiresAtMs);
  }

  /** @param {Status} status */
  question(status) {
    const { request } = this;
    if (!request) return h("div", { class: "text" }, foreign(textOf(status.message?.parts)));
    const input = request.input === undefined ? null : JSON.stringify(request.input, null, 2);
    return h(
      "div",
      {},
      request.kind === "permission" && h("p", { class: "text" }, foreign(request.questions.map(({ text }) => text).join("\n"))),
      input && input !== "{}" && h("pre", { class: "json", tabindex: 0, "aria-label": "What it would do" }, foreign(input)),
      request.decides === "approver" && h("p", { class: "note" }, "One of the agent’s approvers decides."),
    );
  }

  /** @param {number} end */
  countDown(end) {
    const left = h("p", { class: "note" });
    this.root.append(left);
    const tell = () => {
      const ms = end - Date.now();
      left.textContent = ms > 0 ? `Without an answer the agent hears no in ${lasted(ms)}.` : "Nobody has answered in time.";
      if (ms <= 0) clearInterval(this.clock);
    };
    this.clock = setInterval(tell, 1000);
    tell();
  }

  /** @param {SubmitEvent} event @param {Place} place */
  async answer(event, place) {
    event.preventDefault();
    const part = this.request
      ? reply(this.request, this.form, event.submitter)
      : { text: String(new FormData(this.form).get("text") ?? "").trim() };
    if (part.text === "") return;
    this.enable(false);
    try {
      await send(place.agent, message([part], { taskId: place.task, contextId: place.context }));
      fill(this.said);
    } catch (error) {
      this.enable(true);
      fill(this.said, problem(error));
    }
  }

  /** @param {boolean} can */
  enable(can) {
    for (const field of this.form.elements) /** @type {HTMLButtonElement} */ (field).disabled = !can;
  }

  /** It is answered, or nobody can answer it any more. */
  settle() {
    clearInterval(this.clock);
    this.root.classList.add("is-over");
    this.form.remove();
    this.root.querySelector(":scope > .note")?.remove();
  }
}

function plain() {
  return h(
    "form",
    {},
    h("label", { for: "answer" }, "Your answer"),
    h("textarea", { id: "answer", name: "text", rows: 3, required: true }),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Answer")),
  );
}

/** @param {AskRequest} request */
function structured(request) {
  const [first, ...others] = request.questions;
  if (request.kind === "permission" && others.length === 0 && first) return permission(first);
  return h(
    "form",
    {},
    request.questions.map(question),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Answer")),
  );
}

/** @param {KeyboardEvent} event */
const unlessEnter = (event) => {
  if (event.key === "Enter") event.preventDefault();
};

/** One button for each option, and a word for the agent. @param {AskQuestion} question */
function permission(question) {
  const options = question.options.map((option) =>
    h(
      "button",
      {
        name: "option",
        value: option.id,
        class: option.effect === "deny" ? "deny" : option.effect === "allow" ? "primary" : null,
      },
      foreign(option.label || option.id),
    ),
  );
  return h(
    "form",
    {},
    h("div", { class: "actions" }, options),
    h("label", { for: "why" }, "A word for the agent ", h("span", { class: "note" }, "optional: why not, what instead")),
    // The first button of a form is what Enter in a field presses: here it would give leave.
    h("input", { id: "why", name: "why", autocomplete: "off", onkeydown: unlessEnter }),
  );
}

/** @param {AskQuestion} question */
function question(question) {
  const type = question.multiple ? "checkbox" : "radio";
  const name = `q ${question.id}`;
  const options = question.options.map((option) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type, name, value: option.id }),
      h("span", {}, foreign(option.label || option.id)),
    ),
  );
  const own = question.freeText || options.length === 0;
  return h(
    "fieldset",
    {},
    h("legend", {}, foreign(question.text)),
    options,
    own &&
      h(
        "label",
        {},
        options.length ? "Or in your own words" : "Your answer",
        h("input", { name: `own ${question.id}`, autocomplete: "off" }),
      ),
  );
}

/**
 * The data part that answers.
 * @param {AskRequest} request
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 * @returns {Part}
 */
function reply(request, form, submitter) {
  const data = new FormData(form);
  /** @type {{ [question: string]: Json }} */
  const answers = {};
  for (const { id, multiple } of request.questions) {
    const own = String(data.get(`own ${id}`) ?? "").trim();
    const chosen = data.getAll(`q ${id}`).map(String);
    const all = own ? (multiple ? [...chosen, own] : [own]) : chosen;
    answers[id] = multiple ? all : (all[0] ?? "");
  }
  const option = submitter instanceof HTMLButtonElement && submitter.name === "option" ? submitter.value : null;
  if (option !== null && request.questions[0]) answers[request.questions[0].id] = option;
  const why = String(data.get("why") ?? "").trim();
  return { data: { requestId: request.id, answers, ...(why ? { text: why } : {}) } };
}
