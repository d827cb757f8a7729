// A full A2A agent in JavaScript: one JSON object comes in on stdin, JSON lines go out on stdout.
//
// Serve it:   AGENT_INPUT=json inhouse serve -- node examples/agents/agent.mjs
// Then send:  "count to 5"   text, streamed
//             "report"       an artifact that grows
//             "order pizza"  a question; answer it with a message on the same task
//             "fail"         a failed task
import { text as readAll } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const textOf = (message) => message.parts.map((part) => part.text ?? "").join(" ");

const turn = JSON.parse(await readAll(process.stdin));
const text = textOf(turn.message);

async function count() {
  const last = Math.min(Number(text.match(/\d+/)?.[0] ?? 3), 100);
  for (let number = 1; number <= last; number++) {
    say({ text: `${number}\n` });
    await sleep(50);
  }
}

async function report() {
  say({ status: "working", text: "writing", data: { lines: 2 } });
  const part = (line) => [{ text: line, filename: "report.md", mediaType: "text/markdown" }];
  say({ artifact: { artifactId: "report", name: "Report", parts: part("# Report\n") } });
  await sleep(50);
  say({ artifact: { artifactId: "report", parts: part("All is well.\n"), append: true, lastChunk: true } });
}

if (turn.history.length > 0) {
  const what = textOf(turn.history[0]).replace(/^order /, "");
  say({ text: `One ${what}, size ${text}, is on its way.\n` });
} else if (text.startsWith("count")) {
  await count();
} else if (text === "report") {
  await report();
} else if (text.startsWith("order")) {
  say({ status: "input-required", text: "Which size: small, medium or large?" });
} else if (text === "fail") {
  say({ status: "failed", text: "the kitchen is closed" });
} else {
  say({ text: `You said: ${text}\n` });
}
