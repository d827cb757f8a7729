// A new message, and beside it what sends the same from a terminal.

import { agents, message, send, uuid } from "./api.js";
import { copyButton, fill, h, problem } from "./dom.js";
import { address } from "./tasks.js";

/**
 * @param {string[]} _
 * @param {URLSearchParams} query `agent` and `context` that are meant
 * @returns {Shown}
 */
export function compose(_, query) {
  const page = new ComposePage(query);
  page.load();
  queueMicrotask(() => page.text.focus());
  return { title: "New message", root: page.root };
}

class ComposePage {
  /** @param {URLSearchParams} query */
  constructor(query) {
    this.query = query;
    /** @type {Agent[]} */
    this.known = [];
    this.agent = h("select", { id: "to" });
    this.about = h("p", { class: "note" });
    this.text = h("textarea", { id: "text", rows: 8, required: true, placeholder: "What should the agent do?" });
    this.files = h("input", { id: "files", type: "file", multiple: true });
    this.context = h("input", { id: "context", spellcheck: "false", autocomplete: "off", value: query.get("context") ?? "" });
    this.said = h("div", {});
    this.button = h("button", { class: "primary" }, "Send");
    this.curl = h("pre", { tabindex: 0, "aria-label": "As curl" });
    this.cli = h("pre", { tabindex: 0, "aria-label": "As inhouse send" });
    /** What is pasted is another message than the one that is sent from here. */
    this.id = uuid();
    const title = h("h2", { id: "same" }, "The same from a terminal");
    const same = h(
      "section",
      { class: "same", "aria-labelledby": "same" },
      title,
      h("p", { class: "note" }, "With your token in the variable ", h("code", {}, "INHOUSE_TOKEN"), "."),
      shown("inhouse send", this.cli),
      shown("curl", this.curl),
    );
    this.root = h("div", {}, h("h1", {}, "New message"), h("div", { class: "two" }, this.form(), same));
  }

  form() {
    const optional = h("span", { class: "note" }, "optional: goes on with a conversation");
    const form = h(
      "form",
      { class: "compose" },
      h("div", {}, h("label", { for: "to" }, "Agent"), this.agent, this.about),
      h("div", {}, h("label", { for: "text" }, "Message"), this.text),
      h("div", {}, h("label", { for: "files" }, "Files ", h("span", { class: "note" }, "optional")), this.files),
      h("div", {}, h("label", { for: "context" }, "Context ", optional), this.context),
      this.said,
      h("div", { class: "actions" }, this.button, h("span", { class: "note" }, "Ctrl+Enter sends")),
    );
    form.addEventListener("input", () => this.show());
    form.addEventListener("submit", (event) => this.send(event));
    this.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    return form;
  }

  async load() {
    try {
      this.known = await agents();
      const option = (/** @type {Agent} */ { name, title }) =>
        h("option", { value: name }, title.toLowerCase() === name ? title : `${title} (${name})`);
      fill(this.agent, this.known.map(option));
      this.agent.value = this.query.get("agent") ?? this.known.find((one) => one.default)?.name ?? "";
      this.show();
    } catch (error) {
      fill(this.said, problem(error));
    }
  }

  chosen() {
    return this.known.find(({ name }) => name === this.agent.value);
  }

  chosenFiles() {
    return Array.from(this.files.files ?? []);
  }

  /** @param {string[]} contents of the files, in base64 */
  message(contents) {
    const contextId = this.context.value.trim();
    const text = this.text.value.trim() ? [{ text: this.text.value }] : [];
    const files = this.chosenFiles().map(({ name, type }, at) => ({
      raw: contents[at],
      filename: name,
      ...(type ? { mediaType: type } : {}),
    }));
    return message([...text, ...files], contextId ? { contextId } : {});
  }

  /** The same as commands. */
  show() {
    const to = this.chosen();
    if (!to) return;
    this.about.textContent = to.description;
    const names = this.chosenFiles().map(({ name }) => name);
    this.text.required = names.length === 0;
    const places = names.map(uuid);
    this.curl.textContent = places.reduce(
      (command, place, at) => command.replace(place, `'"$(base64 < ${quoted(names[at])} | tr -d '\\n')"'`),
      asCurl(to, { ...this.message(places), messageId: this.id }),
    );
    this.cli.textContent = asCommand(to, this.text.value, this.context.value.trim(), names);
  }

  /** @param {SubmitEvent} event */
  async send(event) {
    event.preventDefault();
    const to = this.chosen();
    if (!to || (!this.text.value.trim() && this.chosenFiles().length === 0)) return;
    this.button.disabled = true;
    try {
      const contents = await Promise.all(this.chosenFiles().map(base64));
      const task = await send(to.name, this.message(contents));
      location.hash = address(to.name, task.id);
    } catch (error) {
      this.button.disabled = false;
      fill(this.said, problem(error));
    }
  }
}

/** @param {string} title @param {HTMLPreElement} pre */
const shown = (title, pre) =>
  h(
    "div",
    { class: "command" },
    h(
      "div",
      { class: "command-head" },
      h("h3", {}, title),
      copyButton(() => pre.textContent ?? "", `the ${title} command`),
    ),
    pre,
  );

/** @param {File} file @returns {Promise<string>} */
const base64 = (file) =>
  new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => failed(new Error(`${file.name} can not be read`));
    reader.readAsDataURL(file);
  });

/** A word of a shell, which reads nothing into it. @param {string} text */
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** @param {Agent} to @param {Message} sent */
function asCurl(to, sent) {
  const url = to.url.replace(/\/a2a$/, "/message:send");
  return [
    `curl -s ${quoted(url)} \\`,
    `  -H "Authorization: Bearer $INHOUSE_TOKEN" \\`,
    `  -H 'Content-Type: application/json' -H 'A2A-Version: 1.0' \\`,
    `  -d ${quoted(JSON.stringify({ message: sent }))}`,
  ].join("\n");
}

/** @param {Agent} to @param {string} text @param {string} context @param {string[]} files */
function asCommand(to, text, context, files) {
  const server = to.default ? to.url.replace(/\/a2a$/, "") : to.url;
  const place = context ? ` --context ${quoted(context)}` : "";
  const attached = files.map((name) => ` --file ${quoted(name)}`).join("");
  const said = text.trim() || files.length === 0 ? ` -- ${quoted(text)}` : "";
  return [`INHOUSE_URL=${quoted(server)} \\`, `  inhouse send --stream${place}${attached}${said}`].join("\n");
}
