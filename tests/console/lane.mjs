// The console in a real browser, against the real server: `cargo xtask test --only console` runs it. Each step has a page of its own,
// which may ask nothing of any other place and complain of nothing.

import { BOSS, Watched, digest, launch, serve, steps } from "./house.mjs";
import "./work.mjs";
import "./hostile.mjs";
import "./people.mjs";

const servers = {
  usual: await serve('[card]\nsigning_key = "card-key.pem"\n'),
  // Without streams as well, so that the console has to ask again and again.
  approvers: await serve(
    `[card]\nstreaming = false\n[[callers]]\nname = "boss"\ntoken_sha256 = "${digest(BOSS)}"\n`,
    'approvers = ["boss"]',
  ),
};
const browser = await launch();
let failed = 0;

for (const { name, run, server } of steps) {
  const { base, guest } = servers[server];
  const watched = new Watched(browser, base);
  try {
    await run(watched, base, guest);
    await watched.close();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    await watched.shot(`failed-${name.replace(/\W+/g, "-")}`).catch(() => {});
    await watched.leave().catch(() => {});
    console.log(`FAIL ${name}: ${String(error.message ?? error).replaceAll("\n", " | ")}`);
  }
}

await browser.close();
await Promise.all(Object.values(servers).map((server) => server.end()));
process.exit(failed ? 1 : 0);
