// What the steps of the lane share: the real server in a clean environment, a browser that is watched, and steps that are counted.

import { spawn, execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const FOLDER = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.resolve(FOLDER, "../..");
export const BINARY = process.env.INHOUSE_BIN ?? path.join(ROOT, "target/debug/inhouse");
const INSTALLED = process.env.CONSOLE_DIR ?? path.join(ROOT, "target/console");
/** Where the screens are kept for people to look at. */
const SHOTS = path.join(INSTALLED, "screens");
export const TOKEN = "a-token-of-the-console-lane-0123456789";
export const BOSS = "the-boss-of-the-console-lane-0123456789";
const START_MS_MAX = 60_000;

export const installed = createRequire(path.join(INSTALLED, "package.json"));
const { chromium } = installed("playwright-core");
const axe = fs.readFileSync(installed.resolve("axe-core/axe.min.js"), "utf8");

/** The digest by which a configuration knows a token. @param {string} token */
export const digest = (token) => createHash("sha256").update(token).digest("hex");

/** A server with two agents, of which one says `more` in its table; it is ended with `end()`, and `guest` is a token that may not look at the server itself. */
export async function serve(config, more = "") {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "inhouse-console-"));
  const shop = path.join(folder, "shop");
  fs.mkdirSync(path.join(folder, "home"));
  project(shop);
  const { privateKey } = generateKeyPairSync("ed25519");
  fs.writeFileSync(path.join(folder, "card-key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const desk = {
    title: "Shop desk",
    description: "Knows the shop's invoices, and mends them",
    command: ["python3", path.join(FOLDER, "agent.py")],
    protocol: "acp",
    project: shop,
    workspace: "worktree",
  };
  const plain = { command: ["python3", path.join(ROOT, "examples/agents/conformance.py")], input: "json" };
  const table = (members) =>
    Object.entries(members)
      .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
      .join("");
  fs.writeFileSync(
    path.join(folder, "inhouse.toml"),
    `${config}\n[agents.desk]\n${table(desk)}${more}\n[agents.plain]\n${table(plain)}`,
  );
  const env = {
    PATH: process.env.PATH,
    HOME: path.join(folder, "home"),
    HOST: "127.0.0.1",
    PORT: "0",
    API_TOKEN: TOKEN,
    RATE_LIMIT_RPM: "100000",
  };
  const guest = execFileSync(BINARY, ["token", "new", "guest"], {
    cwd: folder,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
  const stderr = fs.openSync(path.join(folder, "stderr"), "w");
  const child = spawn(BINARY, ["serve"], { cwd: folder, env, stdio: ["ignore", "pipe", stderr] });
  const base = await new Promise((found, failed) => {
    let output = "";
    const late = setTimeout(() => failed(new Error(`no address within ${START_MS_MAX} ms`)), START_MS_MAX);
    child.on("exit", () => failed(new Error(fs.readFileSync(path.join(folder, "stderr"), "utf8"))));
    child.stdout.on("data", (bytes) => {
      const address = /with a console at (http:\S+)\/console\/\n/.exec((output += bytes));
      if (!address) return;
      clearTimeout(late);
      found(address[1]);
    });
  });
  const end = () =>
    new Promise((ended) => {
      child.removeAllListeners("exit");
      child.on("exit", () => {
        fs.rmSync(folder, { recursive: true, force: true });
        ended();
      });
      child.kill();
    });
  return { base, guest, end };
}

/** A git repository with something in it that is wrong. */
function project(folder) {
  fs.mkdirSync(folder);
  const lines = [
    '"""What a customer owes."""',
    "",
    "",
    "def total(lines):",
    "    return sum(round(line, 2) for line in lines)",
    "",
  ];
  fs.writeFileSync(path.join(folder, "invoices.py"), lines.join("\n"));
  const git = (...words) =>
    execFileSync("git", ["-c", "user.name=lane", "-c", "user.email=lane@localhost", ...words], { cwd: folder, stdio: "ignore" });
  git("init", "--quiet");
  git("add", "--all");
  git("commit", "--quiet", "--message", "begin");
}

/** A call of the HTTP+JSON binding, past the browser. */
export async function call(base, method, target, body) {
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json", "A2A-Version": "1.0" };
  const response = await fetch(base + target, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

/** Sends a text to an agent and does not wait: the task. */
export async function begin(base, agent, text) {
  const message = { messageId: crypto.randomUUID(), role: "ROLE_USER", parts: [{ text }] };
  return (await call(base, "POST", `/agents/${agent}/message:send`, { message, configuration: { returnImmediately: true } }))
    .task;
}

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });

/** A page that is watched: whatever it asks of another place, and whatever it complains of, fails the step. */
export class Watched {
  constructor(browser, base) {
    Object.assign(this, { browser, base, contexts: [], wrong: [], requests: [], expected: [] });
  }

  async open(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
    this.contexts.push(context);
    this.page = await context.newPage();
    this.page.setDefaultTimeout(30_000);
    this.page.on("request", (request) => {
      this.requests.push({ url: request.url(), headers: request.headers() });
      if (!request.url().startsWith(`${this.base}/`) && !request.url().startsWith("blob:"))
        this.wrong.push(`asks ${request.url()}`);
    });
    this.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.wrong.push(message.text());
    });
    this.page.on("pageerror", (error) => this.wrong.push(String(error)));
    return this.page;
  }

  /** Signed in, at this place. */
  async at(hash, options, token = TOKEN) {
    const page = await this.open(options);
    await page.goto(`${this.base}/console/#token=${encodeURIComponent(token)}`);
    await page.waitForSelector("#nav:not([hidden])");
    await this.go(hash);
    return page;
  }

  go(hash) {
    return this.page.evaluate((hash) => void (location.hash = hash), hash);
  }

  /** This one complaint may come. */
  expect(pattern) {
    this.expected.push(pattern);
  }

  async shot(name) {
    fs.mkdirSync(SHOTS, { recursive: true });
    await this.page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: true, animations: "disabled" });
  }

  /** What axe finds on the page as it stands. */
  async axe() {
    await this.page.evaluate(axe);
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await this.page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), tags);
    const told = violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
    );
    if (told.length > 0) throw new Error(told.join("\n"));
  }

  leave() {
    return Promise.all(this.contexts.map((context) => context.close()));
  }

  async close() {
    await this.leave();
    const wrong = this.wrong.filter((text) => !this.expected.some((pattern) => pattern.test(text)));
    if (wrong.length > 0) throw new Error(wrong.join("; "));
  }
}

export function assert(holds, what) {
  if (!holds) throw new Error(what);
}

/** Waits until something is true, and returns it. */
export async function until(condition, what, ms = 30_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited too long for ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** The steps, in the order in which they were written down. */
export const steps = [];

/** A step gets a page of its own on a server, the usual one or the one whose agent has approvers. */
export function step(name, run, server = "usual") {
  steps.push({ name, run, server });
}

/** All that is shown there. */
export const text = async (page, selector) => (await page.locator(selector).allInnerTexts()).join("\n");

/** Waits for the end of the task that is shown. */
export const ended = (page, word = "Completed") => page.waitForSelector(`.end .state:text-is("${word}")`);
