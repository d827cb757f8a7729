// An agent's card as it is served, with what can be said of it from here: that it is whole, leads back here, and is signed.

import { open } from "./api.js";
import { fact, foreign, h } from "./dom.js";
import { signatures } from "./signature.js";

/** What is looked at, and whether it holds; `null` where that can not be told. @typedef {[string, boolean | null]} Check */

/** @param {Agent} agent */
export async function cardView(agent) {
  const text = await open(new URL(agent.card).pathname);
  const card = JSON.parse(text);
  const all = [...checks(card), ...(await signatures(card))];
  return [
    h("ul", { class: "checks", "aria-label": "Checks" }, all.map(check)),
    h(
      "dl",
      { class: "facts" },
      told("Version", card.version),
      told("Provider", card.provider?.organization),
      told("Takes", card.defaultInputModes?.join(", ")),
      told("Gives", card.defaultOutputModes?.join(", ")),
      told(
        "Can",
        Object.entries(card.capabilities ?? {})
          .flatMap(([name, can]) => (can === true ? [name] : []))
          .join(", "),
      ),
    ),
    h("h3", {}, "Skills"),
    h("ul", { class: "skills" }, (card.skills ?? []).map(skill)),
    h(
      "details",
      {},
      h("summary", {}, "As it is served"),
      h("pre", { class: "json", tabindex: 0, "aria-label": "Card" }, foreign(JSON.stringify(card, null, 2))),
    ),
  ];
}

/** @param {any} card @returns {Check[]} */
function checks(card) {
  const interfaces = /** @type {{ url: string, protocolBinding: string, protocolVersion: string }[]} */ (
    card.supportedInterfaces ?? []
  );
  const http = interfaces.filter(({ protocolBinding }) => protocolBinding !== "GRPC");
  const bearer = Object.values(card.securitySchemes ?? {}).some(
    (/** @type {any} */ scheme) => scheme.httpAuthSecurityScheme?.scheme === "Bearer",
  );
  return [
    [
      "It has a name, a description, a version and skills",
      Boolean(card.name && card.description && card.version && card.skills?.length),
    ],
    ["It offers A2A 1.0", interfaces.some(({ protocolVersion }) => protocolVersion === "1.0")],
    [
      "Its addresses lead to this server",
      http.length > 0 && http.every(({ url }) => url.startsWith(`${location.origin}/`) || url === location.origin),
    ],
    ["It asks for a token", bearer && card.securityRequirements?.length > 0],
  ];
}

/** @param {Check} check */
function check([what, holds]) {
  const [mark, word, kind] =
    holds === null ? ["?", "unknown", "unknown"] : holds ? ["✓", "holds", "holds"] : ["✗", "does not hold", "fails"];
  return h(
    "li",
    { class: kind },
    h("span", { "aria-hidden": "true" }, mark),
    h("span", { class: "unseen" }, `${word}: `),
    ` ${what}`,
  );
}

/** @param {any} skill */
const skill = (skill) =>
  h(
    "li",
    {},
    h("strong", {}, foreign(String(skill.name))),
    " ",
    foreign(String(skill.description)),
    h("span", { class: "note" }, foreign(` ${(skill.tags ?? []).join(", ")}`)),
  );

/** @param {string} name @param {string | undefined} value */
const told = (name, value) => value && fact(name, ...foreign(value));
