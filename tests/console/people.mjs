// Who comes in, and that everybody can use each screen.

import { execFileSync } from "node:child_process";

import { FOLDER, TOKEN, assert, begin, call, installed, step, text, until } from "./house.mjs";

step("types: the scripts' types hold", async () => {
  execFileSync(process.execPath, [installed.resolve("typescript/bin/tsc"), "--project", FOLDER], {
    stdio: ["ignore", "inherit", "inherit"],
  });
});

step("door: an unknown token is told so, and a known one opens", async (watched, base) => {
  watched.expect(/401/);
  const page = await watched.open();
  await page.goto(`${base}/console`);
  await watched.axe();
  await watched.shot("sign-in");
  await page.keyboard.type("not a token");
  await page.keyboard.press("Enter");
  await page.waitForSelector('[role="alert"]');
  assert(await page.evaluate(() => sessionStorage.length === 0), "a token that is none is kept");
  await page.fill("#token", TOKEN);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".tasks");
  await page.click("#leave");
  await page.waitForSelector(".sign-in");
  assert(await page.evaluate(() => sessionStorage.length === 0), "the token is kept after signing out");
});

step("door: a token in the fragment is taken out of the address and stands in no request's", async (watched, base) => {
  const page = await watched.open();
  await page.goto(`${base}/console/#token=${TOKEN}`);
  await page.waitForSelector(".tasks li");
  assert(page.url() === `${base}/console/#/tasks`, page.url());
  const [first, ...rest] = watched.requests;
  assert(rest.every(({ url }) => !url.includes(TOKEN)) && !new URL(first.url).search, "a request's address has the token");
  const asking = rest.filter(({ url }) => /\/agents/.test(url) && !url.includes("/console/"));
  assert(asking.length > 0 && asking.every(({ headers }) => headers.authorization === `Bearer ${TOKEN}`), "no Authorization");
  assert(
    rest.every(({ headers }) => !headers.referer && !headers.cookie),
    "a referrer or a cookie is sent",
  );
});

step("door: a token that is revoked leads back to the form", async (watched, base) => {
  watched.expect(/401/);
  const page = await watched.at("#/tasks");
  await page.waitForSelector(".tasks");
  await page.evaluate(() => sessionStorage.setItem("inhouse-token", "gone"));
  await watched.go("#/agents");
  await page.waitForSelector('.sign-in [role="alert"]');
});

for (const [mode, width] of [
  ["light", 1200],
  ["dark", 1200],
  ["light", 320],
  ["dark", 320],
]) {
  step(`everybody: each screen in ${mode}, ${width} px wide, is clean and fits`, async (watched, base) => {
    const done = (await call(base, "GET", "/agents/desk/tasks?status=TASK_STATE_COMPLETED")).tasks.find(
      ({ artifacts }) => artifacts === undefined || artifacts,
    );
    const at = `#/tasks/desk/${done.id}`;
    const options = { colorScheme: mode, viewport: { width, height: 800 } };
    const page = await watched.at("#/tasks", options);
    for (const [name, hash, ready] of [
      ["tasks", "#/tasks", ".tasks li"],
      ["task", at, ".end"],
      ["task-timeline", `${at}/timeline`, ".timeline"],
      ["new", "#/new", "#to option"],
      ["agents", "#/agents", ".agent-entry"],
      ["audit", "#/audit", ".audit li"],
      ["status", "#/status", ".status table"],
    ]) {
      await watched.go(hash);
      await page.waitForSelector(ready, { state: "attached" });
      await watched.axe();
      const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
      assert(fits, `${name} is wider than the window`);
      await watched.shot(`${name}-${mode}-${width}`);
    }
  });
}

step("everybody: the way around leads past the navigation", async (watched, base) => {
  const page = await watched.at("#/tasks");
  await page.waitForSelector(".tasks");
  await page.keyboard.press("Tab");
  await until(async () => {
    const skips = await page.evaluate(() => document.activeElement?.className === "skip");
    if (!skips) await page.keyboard.press("Tab");
    return skips;
  }, "the skip link");
  await page.keyboard.press("Enter");
  assert((await page.evaluate(() => document.activeElement?.id)) === "main", "it does not skip");
  await watched.go("#/agents");
  await page.waitForSelector(".agent-entry");
  assert((await page.title()) === "Agents · inhouse", await page.title());
  assert((await text(page, "#announcements")) === "Agents", "the screen is not announced");
});
