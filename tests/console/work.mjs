// What people do with the console: look at tasks, send messages, answer what agents ask, look at agents.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { BINARY, BOSS, TOKEN, assert, begin, call, ended, step, text, until } from "./house.mjs";

step("tasks: the list shows what comes, without being asked again", async (watched, base) => {
  const page = await watched.at("#/tasks");
  const { id } = await begin(base, "plain", "echo a task that comes from elsewhere");
  await page.waitForSelector(`.tasks a[href$="/plain/${id}"] .state:text-is("Completed")`);
  await page.click(`.tasks a[href$="/plain/${id}"]`);
  await ended(page);
});

step("tasks: filters stand in the address, and the way back undoes them", async (watched, base) => {
  const failing = await begin(base, "plain", "fail because it must");
  await until(
    async () => (await call(base, "GET", `/agents/plain/tasks/${failing.id}`)).status.state === "TASK_STATE_FAILED",
    "the task to fail",
  );
  const page = await watched.at("#/tasks");
  await page.waitForSelector('.tasks .state:text-is("Failed")');
  const all = await page.locator(".tasks li").count();
  await page.selectOption("#filter-state", "TASK_STATE_FAILED");
  await page.waitForFunction((all) => document.querySelectorAll(".tasks li").length < all, all);
  assert(page.url().includes("state=TASK_STATE_FAILED"), page.url());
  await page.fill("#filter-context", failing.contextId);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".tasks li").length === 1);
  await page.selectOption("#filter-agent", "desk");
  await page.waitForSelector(".tasks .empty");
  for (let steps = 0; steps < 3; steps++) await page.goBack();
  await page.waitForFunction((all) => document.querySelectorAll(".tasks li").length === all, all);
});

step("new message: it says the same as curl and inhouse send, which do the same", async (watched, base) => {
  const page = await watched.at("#/new");
  await page.waitForSelector("#to option", { state: "attached" });
  await page.selectOption("#to", "plain");
  const said = `echo it's "$HOME" \\ here`;
  await page.fill("#text", said);
  const commands = await page.locator(".command pre").allInnerTexts();
  const env = { PATH: `${BINARY.replace(/\/[^/]*$/, "")}:${process.env.PATH}`, INHOUSE_TOKEN: TOKEN };
  const [cli, curl] = commands.map((command) =>
    execFileSync("sh", ["-c", command], { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  );
  assert(cli.trim() === said, cli);
  assert(JSON.parse(curl).task.artifacts[0].parts[0].text.trim() === said, curl);
  await watched.axe();
  await page.click("form.compose .primary");
  await ended(page);
  assert((await text(page, ".artifact")).trim() === said, await text(page, ".artifact"));
});

step("new message: files go with it, by each way", async (watched, base) => {
  const page = await watched.at("#/new?agent=plain");
  await page.waitForSelector("#to option", { state: "attached" });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "inhouse-files-"));
  const name = "it's one.txt";
  fs.writeFileSync(path.join(folder, name), "a file's text \xff");
  await page.fill("#text", "echo look");
  await page.setInputFiles("#files", path.join(folder, name));
  const env = { PATH: `${BINARY.replace(/\/[^/]*$/, "")}:${process.env.PATH}`, INHOUSE_TOKEN: TOKEN };
  const commands = await page.locator(".command pre").allInnerTexts();
  commands.forEach((command) => execFileSync("sh", ["-c", command], { cwd: folder, env, stdio: "ignore" }));
  await page.click("form.compose .primary");
  await ended(page);
  fs.rmSync(folder, { recursive: true });
  const { tasks } = await call(base, "GET", "/agents/plain/tasks?pageSize=3");
  const sent = tasks.map(({ history }) => history[0].parts.find(({ filename }) => filename === name));
  assert(
    sent.length === 3 && sent.every((part) => Buffer.from(part?.raw ?? "", "base64").toString() === "a file's text \xff"),
    JSON.stringify(sent),
  );
});

step("status: how the server stands, and what it was told", async (watched) => {
  const page = await watched.at("#/status");
  await page.waitForSelector(".status table");
  const said = await text(page, ".status");
  assert(said.includes("connections_max") && said.includes("signing_key") && said.includes("inhouse.toml"), said);
  assert(!said.includes("allowed_hosts"), "what nobody has said is shown unasked");
  await page.check("#defaults");
  await page.waitForSelector('.status code:text-is("allowed_hosts")');
  await watched.axe();
  await watched.shot("status");
});

step("audit: what was decided is there, as it is decided, and can be searched", async (watched, base) => {
  const page = await watched.at("#/audit");
  await page.waitForSelector(".audit li");
  await call(base, "GET", "/agents/plain/tasks/such-a-task").catch(() => {});
  await page.waitForSelector('.audit li .state:text-is("TASK_NOT_FOUND")');
  await page.fill("#words", "such-a-task");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".audit li").length === 1);
  await page.click(".audit summary");
  assert((await text(page, ".audit pre")).includes('"task": "such-a-task"'), await text(page, ".audit pre"));
  await watched.axe();
  await watched.shot("audit");
});

step("audit and status: whoever may not look is told what is needed", async (watched, _, guest) => {
  watched.expect(/403/);
  const page = await watched.at("#/status", {}, guest);
  await page.waitForSelector('.note:has-text("--scope read --scope admin")');
  await watched.go("#/audit");
  await page.waitForSelector('.note:has-text("--scope read --scope admin")');
});

step("task: what an agent says is shown while it says it, and again to whoever comes later", async (watched, base) => {
  const page = await watched.at("#/new?agent=desk");
  await page.waitForSelector("#to option", { state: "attached" });
  await page.fill("#text", "slow 50 0.1");
  await page.keyboard.press("Control+Enter");
  await page.waitForSelector(".artifact:has-text('piece 3')");
  const early = await text(page, ".artifact");
  assert(!early.includes("piece 50"), "all of it came at once");
  await watched.shot("live");
  await page.setViewportSize({ width: 1200, height: 400 });
  // Whoever stands at the end of the page stays there.
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  const begun = await page.evaluate(() => scrollY);
  await page.waitForSelector(".artifact:has-text('piece 45')");
  assert(await page.evaluate((begun) => scrollY > begun, begun), "the page does not follow what is written");
  await ended(page);
  const whole = await text(page, ".artifact");
  assert(
    Array.from({ length: 50 }, (_, at) => `piece ${at + 1}\n`).every((line) => `${whole}\n`.includes(line)),
    whole,
  );
  await page.reload();
  await ended(page);
  assert((await text(page, ".artifact")) === whole, "the second look shows something else");
});

step("task: it is canceled", async (watched, base) => {
  const { id } = await begin(base, "desk", "slow 1000 0.1");
  const page = await watched.at(`#/tasks/desk/${id}`);
  await page.waitForSelector(".artifact:has-text('piece 2')");
  await page.click("text=Cancel task");
  await ended(page, "Canceled");
  assert((await call(base, "GET", `/agents/desk/tasks/${id}`)).status.state === "TASK_STATE_CANCELED", "it goes on");
});

step("task: a conversation goes on", async (watched, base) => {
  const { id } = await begin(base, "plain", "echo first");
  const page = await watched.at(`#/tasks/plain/${id}`);
  await ended(page);
  await page.fill("#next", "echo second");
  await page.click(".next button");
  await page.waitForSelector(".artifact:has-text('echo second')");
  assert(!page.url().includes(id), "it is the same task");
  await page.click(".facts a");
  await page.waitForFunction(() => document.querySelectorAll(".tasks li").length === 2);
});

for (const [button, answer, mode] of [
  ["Allow once", "once", "light"],
  ["Deny", "no", "dark"],
]) {
  step(`approval: ${button} reaches the agent, by keyboard alone`, async (watched, base) => {
    const { id } = await begin(base, "desk", "ask rm -rf build && make");
    const page = await watched.at(`#/tasks/desk/${id}`, { colorScheme: mode });
    await page.waitForSelector(".ask button");
    assert((await text(page, ".ask")).includes('"command": "rm -rf build && make"'), "what it would do is not shown");
    await watched.axe();
    await watched.shot(`approval-${mode}`);
    // Enter in a field gives no leave, although forms have it press their first button.
    await page.focus("#why");
    await page.keyboard.press("Enter");
    await until(async () => {
      await page.keyboard.press("Tab");
      return (await page.evaluate(() => document.activeElement?.textContent)) === button;
    }, "the button to be reached");
    await page.keyboard.press("Enter");
    await ended(page);
    assert((await text(page, ".artifact")).includes(`The answer was ${answer}.`), await text(page, ".artifact"));
    assert((await text(page, ".said")).includes(button), "the answer is not shown");
    assert(
      (await page.locator(".ask.is-over").count()) === 1 && (await page.locator(".ask button").count()) === 0,
      "it can be answered again",
    );
  });
}

step("question: a text answers it", async (watched, base) => {
  const { id } = await begin(base, "plain", "ask something");
  const page = await watched.at(`#/tasks/plain/${id}`);
  await page.fill(".ask textarea", "the second one");
  await page.click(".ask .primary");
  await page.waitForSelector(".artifact:has-text('you said: the second one')");
  await ended(page);
});

step("work: a plan, tools, and a patch with its lines", async (watched, base) => {
  const { id } = await begin(base, "desk", "work on the totals: they are off by a cent or two");
  const page = await watched.at(`#/tasks/desk/${id}`);
  await ended(page);
  assert((await page.locator(".plan li.is-done").count()) === 3, "the plan is not done");
  const added = await text(page, ".diff .is-added .line");
  const removed = await text(page, ".diff .is-removed .line");
  assert(
    removed.includes("-    return sum(round(line, 2) for line in lines)") && added.includes("+    return round(sum(lines), 2)"),
    `${removed}\n${added}`,
  );
  await watched.axe();
  await watched.shot("work");
  await watched.go(`#/tasks/desk/${id}/artifacts`);
  await page.waitForSelector(".panel .diff");
  await watched.go(`#/tasks/desk/${id}/timeline`);
  await page.waitForSelector(".phase-bar");
  await watched.axe();
  await watched.shot("timeline");
  await watched.go(`#/tasks/desk/${id}/events`);
  await page.click(".raw li:last-child summary");
  assert((await text(page, ".raw li:last-child pre")).includes("TASK_STATE_COMPLETED"), "the last event is another one");
  await watched.axe();
  await watched.shot("events");
});

step("diff: patches of all kinds are read", async (watched, base) => {
  const page = await watched.at("#/tasks");
  const files = await page.evaluate(async () => {
    const { parse } = await import("/console/diff.js");
    const patch = [
      "diff --git a/a.txt b/a.txt",
      "--- a/a.txt",
      "+++ b/a.txt",
      "@@ -1,2 +1,2 @@ head",
      " one",
      "--- two",
      "+++ two",
      "\\ No newline at end of file",
      "diff --git a/new b/new",
      "new file mode 100644",
      "--- /dev/null",
      "+++ b/new",
      "@@ -0,0 +1 @@",
      "+x",
      "diff --git a/old name b/new name",
      "similarity index 100%",
      "rename from old name",
      "rename to new name",
      "diff --git a/p.png b/p.png",
      "GIT binary patch",
      "literal 1",
      "zcmc",
      "",
    ].join("\n");
    return parse(patch).files.map(({ path, what, added, removed }) => [path, what, added, removed].join());
  });
  assert(
    JSON.stringify(files) ===
      JSON.stringify(["a.txt,,1,1", "new,new,1,0", "new name,renamed from old name,0,0", "p.png,binary,0,0"]),
    files.join(" "),
  );
});

step("agents: their cards, with checks that hold, and a signature that is verified", async (watched, base) => {
  const page = await watched.at("#/agents");
  await page.click(".agent-entry:first-child summary");
  await page.waitForSelector(".checks li");
  assert((await page.locator(".checks .holds").count()) === 5, await text(page, ".checks"));
  await watched.axe();
  await watched.shot("agents");
});

step("agents: a card that was changed on its way does not hold", async (watched, base) => {
  const page = await watched.at("#/tasks");
  await page.route("**/.well-known/agent-card.json", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), description: "something else" } });
  });
  await watched.go("#/agents");
  await page.click(".agent-entry:first-child summary");
  await page.waitForSelector(".checks .fails:has-text('signed')");
});

step(
  "approver: another caller's request is answered, and nothing else of the task is seen; without a stream as well",
  async (watched, base) => {
    watched.expect(/40[04]/);
    const { id } = await begin(base, "desk", "ask make the release");
    const page = await watched.at(`#/tasks/desk/${id}`);
    await page.waitForSelector(".ask");
    const boss = await watched.at("#/tasks", {}, BOSS);
    await boss.click(`.tasks a[href$="/desk/${id}"]`);
    await boss.click("text=Allow once");
    await boss.waitForSelector("text=There is no such task, or not any more.");
    await ended(page);
    assert((await text(page, ".artifact")).includes("The answer was once."), await text(page, ".artifact"));
  },
  "approvers",
);
