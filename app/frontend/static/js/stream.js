// Server-sent events over fetch: EventSource can neither POST nor set headers.

/** Yield `{type, data}` for every event of a response, its data parsed as JSON. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let type = "message";
  let data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return; // what has no empty line after it was cut off
      }
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/); // the last character may be half of a CR LF
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data.length) {
            yield { type, data: JSON.parse(data.join("\n")) };
          }
          type = "message";
          data = [];
        } else if (line.startsWith("data:")) {
          data.push(line.slice(5).replace(/^ /, ""));
        } else if (line.startsWith("event:")) {
          type = line.slice(6).trim();
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // whoever stops reading hangs up
  }
}
