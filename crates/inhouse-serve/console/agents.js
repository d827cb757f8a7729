// The agents that this caller may use: who they are, what their cards say and whether that holds, and how the server is.

import { agents as all, open } from "./api.js";
import { fill, foreign, h, problem } from "./dom.js";
import { cardView } from "./card.js";

/** @returns {Shown} */
export function agents() {
  const said = h("div", {});
  const list = h("div", { class: "agents" });
  const health = h("span", { class: "state waiting" }, "…");
  async function load() {
    try {
      const known = await all();
      fill(list, known.map(entry));
    } catch (error) {
      fill(said, problem(error));
    }
    const ready = await open("/readyz").then(
      () => true,
      () => false,
    );
    [health.className, health.textContent] = ready ? ["state good", "Takes work"] : ["state bad", "Takes no new work"];
  }
  load();
  return { title: "Agents", root: h("div", {}, h("div", { class: "head" }, h("h1", {}, "Agents"), health), said, list) };
}

/** @param {Agent} agent */
function entry(agent) {
  const card = h("div", {});
  const details = h("details", {}, h("summary", {}, "Card"), card);
  details.addEventListener("toggle", async () => {
    if (!details.open || card.childElementCount > 0) return;
    try {
      fill(card, await cardView(agent));
    } catch (error) {
      fill(card, problem(error));
    }
  });
  return h(
    "section",
    { class: "agent-entry", "aria-label": agent.title },
    h(
      "div",
      { class: "head" },
      h(
        "h2",
        {},
        foreign(agent.title),
        " ",
        agent.name !== agent.title && h("code", {}, agent.name),
        agent.default && h("span", { class: "note" }, " default"),
      ),
      h(
        "div",
        { class: "actions" },
        h("a", { class: "button quiet", href: `#/tasks?${new URLSearchParams({ agent: agent.name })}` }, "Tasks"),
        h("a", { class: "button quiet", href: `#/new?${new URLSearchParams({ agent: agent.name })}` }, "New message"),
      ),
    ),
    h("p", {}, foreign(agent.description)),
    h("p", { class: "note" }, h("code", {}, agent.url)),
    details,
  );
}
