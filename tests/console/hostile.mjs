// What agents and callers write to do harm: it is text.

import http from "node:http";

import { assert, begin, ended, step, text } from "./house.mjs";

const HOSTILE =
  `<img src=x onerror="document.title='owned'"> <script>document.title='owned'</script> <a href="javascript:1">x</a> ` +
  `javascript:alert(1) https://evil.example/ \u202egnp.exe\u202c \u2066x\u2069 \u200b r\u00adm \u2028 \u2061 \ufffa \u{e0041} [x](https://evil.example) &lt;b&gt; \${7*7}`;

step("hostile text: it is text, wherever it stands", async (watched, base) => {
  const { id } = await begin(base, "desk", HOSTILE);
  const asked = await begin(base, "desk", `ask ${HOSTILE}`);
  const page = await watched.at(`#/tasks/desk/${id}`);
  await ended(page);
  const inert = async () => {
    const found = await page.evaluate(() => ({
      made: document.querySelectorAll("main :is(img, script, iframe, object, embed, svg, form[action], b, style, link)").length,
      links: Array.from(document.querySelectorAll("main a"), (link) => link.getAttribute("href")).filter(
        (href) => !href?.startsWith("#/"),
      ),
      turned: /[\u00ad\u2028-\u202e\u2061-\u2069\u200b\ufffa\u{e0041}]/u.test(document.querySelector("main")?.textContent ?? ""),
      title: document.title,
    }));
    assert(
      found.made === 0 && found.links.length === 0 && !found.turned && !found.title.includes("owned"),
      JSON.stringify(found),
    );
  };
  await inert();
  const shown = await text(page, ".artifact");
  assert(shown.includes(`<img src=x onerror="document.title='owned'">`) && shown.includes("U+202E") && shown.includes("U+E0041"), shown);
  await watched.shot("hostile");
  for (const view of ["artifacts", "timeline", "events"]) {
    await watched.go(`#/tasks/desk/${id}/${view}`);
    await page.waitForSelector(
      `.tabs a[aria-current]:text-is("${{ artifacts: "Artifacts", timeline: "Timeline", events: "Events" }[view]}")`,
    );
    await page.waitForFunction(() => document.querySelector(".panel")?.textContent);
    for (const summary of await page.locator(".raw summary").all()) await summary.click();
    await inert();
  }
  await watched.go(`#/tasks/desk/${asked.id}`);
  await page.waitForSelector(".ask pre");
  await inert();
  assert((await text(page, ".ask pre")).includes("U+202E"), "a command is not what it seems");
  // An address that is no text leads to what there is.
  await watched.go("#/tasks/%/%zz");
  await page.waitForSelector(".tasks li");
  await inert();
});

step("hostile text: no page of elsewhere may frame the console, and no script of elsewhere runs in it", async (watched, base) => {
  watched.expect(/Trusted|Content Security Policy|violates/);
  let heard = 0;
  const elsewhere = http.createServer((_, response) => {
    heard += 1;
    response.writeHead(200, { "Content-Type": "text/html", "Access-Control-Allow-Origin": "*" });
    response.end(`<iframe src="${base}/console/"></iframe>`);
  });
  await new Promise((done) => elsewhere.listen(0, "127.0.0.1", () => done()));
  const foreign = `http://127.0.0.1:${elsewhere.address().port}/`;
  const page = await watched.at("#/tasks");
  await page.waitForSelector(".tasks");
  const tried = await page.evaluate(async (foreign) => {
    const results = [];
    try {
      document.body.innerHTML = "<b>x</b>";
      results.push("markup");
    } catch {}
    const blocked = new Promise((told) =>
      document.addEventListener("securitypolicyviolation", () => told("blocked"), { once: true }),
    );
    const script = document.createElement("script");
    try {
      script.textContent = "document.title = 'owned'";
      document.head.append(script);
    } catch {}
    await Promise.race([blocked, new Promise((done) => setTimeout(done, 1000))]);
    if (document.title === "owned") results.push("script");
    const fetched = await fetch(foreign).then(
      () => true,
      () => false,
    );
    if (fetched) results.push("fetch");
    return results;
  }, foreign);
  assert(tried.length === 0 && heard === 0, `${tried} ${heard}`);
  const context = await watched.browser.newContext();
  const framing = await context.newPage();
  await framing.goto(foreign);
  const [, frame] = framing.frames();
  assert(frame.url().startsWith("chrome-error:"), `the console is framed: ${frame.url()}`);
  await context.close();
  await new Promise((done) => elsewhere.close(done));
});
