// What the JavaScript scripts of the SDK lanes share: packages from outside the sources, a receiver of webhooks, and the steps of
// steps.txt in their order, each in a time of its own.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const STEP_MS_MAX = 60_000;
const STEPS = readFileSync(new URL("steps.txt", import.meta.url), "utf8").trim().split("\n");

export const TEXT = Array.from({ length: 700 }, (_, number) => `${number} Grüße, 漢字 und 🦀\n`).join("");

/** An import that looks into this folder of packages. */
export function importFrom(modules) {
  const { resolve } = createRequire(join(modules, "here.js"));
  return (name) => import(pathToFileURL(resolve(name)));
}

/** A `fetch` that sends the token. */
export const fetchWith = (secret) => (input, init) =>
  fetch(input, { ...init, headers: { ...init?.headers, Authorization: `Bearer ${secret}` } });

/** Says yes to every webhook, and remembers it. */
export function receiver(port) {
  const told = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    told.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
    response.end();
  }).listen(Number(port), "127.0.0.1");
  return {
    url: `http://localhost:${port}/hook`,
    close: () => server.close(),
    /** Waits for a notification that fits. */
    async waitFor(fits) {
      const deadline = Date.now() + 20_000;
      while (Date.now() < deadline) {
        const found = told.find(fits);
        if (found) return found;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`not told in time; told was ${JSON.stringify(told).slice(0, 500)}`);
    },
  };
}

/** Fails when the step has not ended in time. */
function inTime(step) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${STEP_MS_MAX} ms`)), STEP_MS_MAX);
  });
  return Promise.race([step, late]).finally(() => clearTimeout(timer));
}

/** All steps but those that are left out; how many failed. */
export async function run(steps, context, prefix, leftOut = []) {
  let failed = 0;
  for (const line of STEPS) {
    const [, name, promise] = /^(\S+)\s+(.*)$/.exec(line);
    if (name === "#" || leftOut.includes(name)) continue;
    try {
      await inTime(steps[name](context));
      console.log(`ok   ${prefix} ${name}: ${promise}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${prefix} ${name}: ${String(error?.stack ?? error).slice(0, 1000).replaceAll("\n", " ")}`);
    }
  }
  return failed;
}
