// The door: a token is pasted here, tried, and kept for as long as this tab is open.

import { agents } from "./api.js";
import { fill, h, problem } from "./dom.js";
import { keep } from "./session.js";

/**
 * @param {string} why the person is here again
 * @param {() => void} done
 * @returns {Shown}
 */
export function signIn(why, done) {
  const input = h("input", {
    id: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-note",
  });
  const said = h("div", {}, why && problem(why));
  const button = h("button", { class: "primary" }, "Sign in");
  const form = h(
    "form",
    { class: "sign-in" },
    h("h1", {}, "Sign in"),
    h("label", { for: "token" }, "Token"),
    input,
    h(
      "p",
      { id: "token-note", class: "note" },
      "One of this server’s tokens. It stays in this tab and is sent to this server alone.",
    ),
    said,
    button,
    h(
      "p",
      { class: "note" },
      "Where is mine? The server prints one when it starts, or whoever runs it gives you yours: ",
      h("code", {}, "inhouse token new NAME"),
      ".",
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!/^[!-~]+$/.test(input.value.trim()))
      return fill(said, problem("That is no token: a token has no spaces, and plain letters alone."));
    keep(input.value);
    button.disabled = true;
    try {
      await agents();
      if (!location.hash.startsWith("#/")) history.replaceState(null, "", `${location.pathname}#/tasks`);
      done();
    } catch (error) {
      // An unknown token has brought a new form with its reason.
      button.disabled = false;
      fill(said, problem(error));
    }
  });
  queueMicrotask(() => input.focus());
  return { title: "Sign in", root: form };
}
