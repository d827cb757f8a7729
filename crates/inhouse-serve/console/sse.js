// Server-Sent Events out of a fetch, since an EventSource can not say who asks.

/** More than this at once is nothing that a task keeps. */
const EVENT_CHARS_MAX = 256 * 1024 * 1024;

/**
 * The numbered events of a stream, to its end.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @returns {AsyncGenerator<Numbered>}
 */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      if (rest.length > EVENT_CHARS_MAX) throw new Error("an event of the stream is too long");
      // A long event comes in many pieces, and is cut out once.
      if (!value.includes("\n\n") && !value.startsWith("\n")) continue;
      const frames = rest.split("\n\n");
      rest = frames.pop() ?? "";
      for (const frame of frames) {
        const event = parse(frame);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * @param {string} frame
 * @returns {Numbered | null}
 */
function parse(frame) {
  let [id, json] = [0, ""];
  for (const line of frame.split("\n")) {
    if (line.startsWith("id: ")) id = Number(line.slice(4));
    else if (line.startsWith("data: ")) json += line.slice(6);
  }
  return json ? { id, json, event: JSON.parse(json) } : null;
}
