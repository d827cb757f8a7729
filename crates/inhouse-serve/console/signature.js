// Whether a card is signed, and by a key that this server shows: the form of the specification (8.4) by the browser's own
// cryptography. That the keys are the right ones only somebody who has them from elsewhere can know (`inhouse card verify --keys`).

import { open } from "./api.js";
import { decode } from "./words.js";

/** @typedef {{ protected: string, signature: string }} Signature */

/** @param {any} card @returns {Promise<import("./card.js").Check[]>} */
export async function signatures(card) {
  /** @type {Signature[]} */
  const all = card.signatures ?? [];
  if (all.length === 0) return [["It is signed: this one is not", null]];
  // Browsers have no cryptography for pages that come over plain HTTP from another machine.
  if (!globalThis.crypto.subtle) return [["It is signed: this browser verifies only over HTTPS", null]];
  /** @type {(JsonWebKey & { kid?: string })[]} */
  const keys = await open("/.well-known/jwks.json").then(
    (text) => JSON.parse(text).keys ?? [],
    () => [],
  );
  const payload = encode(new TextEncoder().encode(canonical({ ...card, signatures: undefined })));
  for (const signature of all) {
    const { alg, kid } = JSON.parse(new TextDecoder().decode(decode(signature.protected)));
    const key = keys.find((one) => one.kid === kid);
    if (key && (await fits(key, alg, signature, payload))) return [[`It is signed by the server’s key ${kid} (${alg})`, true]];
  }
  return [["It is signed by a key of this server", false]];
}

/** @param {JsonWebKey} key @param {string} alg @param {Signature} signature @param {string} payload */
async function fits(key, alg, signature, payload) {
  const kind = alg === "ES256" ? { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } : { name: "Ed25519" };
  const { kty, crv, x, y } = key;
  try {
    const imported = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, kind, false, ["verify"]);
    return await crypto.subtle.verify(
      kind,
      imported,
      decode(signature.signature),
      new TextEncoder().encode(`${signature.protected}.${payload}`),
    );
  } catch {
    return false;
  }
}

/** RFC 8785, which takes numbers and texts as JavaScript writes them. @param {any} value @returns {string} */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const names = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** @param {Uint8Array} bytes */
const encode = (bytes) =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
