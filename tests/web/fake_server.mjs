// A scripted stand-in for hearth: the built page under the policy that the binary sends, and answers whose timing and faults are
// known. What a message says decides what happens to it.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(fileURLToPath(new URL(path, root)));
// The policy has one home; here it is only quoted.
const policy = [.../kPolicy =((?:\s*"[^"]*")+);/.exec(read("src/serve/page.cpp").toString())[1].matchAll(/"([^"]*)"/g)]
  .map((match) => match[1])
  .join("");
const files = {
  "/": ["text/html; charset=utf-8", "web/dist/index.html"],
  "/app.js": ["text/javascript; charset=utf-8", "web/dist/app.js"],
  "/app.css": ["text/css; charset=utf-8", "web/dist/app.css"],
};

export const markdown = `# Title
Some **bold**, *em*, ~~gone~~, \`code\` and snake_case_name, 2 * 3 * 4.

1. one
2. two
   - inner
   - [x] done

| a | b |
|---|--:|
| 1 | **2** |

> quoted
> text

\`\`\`python
def f(x):  # comment
    return "text" + str(3.5)
\`\`\`

[good](https://example.org/a) [bad](javascript:alert(1)) ![picture](https://example.org/p.png)
<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">`;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function sse(response, member) {
  response.write(`data: ${JSON.stringify(member)}\n\n`);
}

function delta(response, value, finish_reason = null) {
  sse(response, { choices: [{ index: 0, delta: value, finish_reason }] });
}

function fail(response, status, message) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ error: { message, type: "x", param: null, code: null } }));
}

export class FakeServer {
  requests = []; // bodies of chats
  aborted = 0; // streams that the client left
  key = ""; // asked for, if any
  models = [{ id: "fake-small", max_model_len: 8192 }, { id: "fake-large" }];
  script; // { reasoning, answer }: said to everything
  metrics = { waiting: 0, running: 0, tokens: 0, prompt: 0, hits: 0 };

  static async start(port = 0) {
    const self = new FakeServer();
    self.server = createServer((request, response) => void self.handle(request, response));
    await new Promise((resolve) => self.server.listen(port, "127.0.0.1", resolve));
    self.port = self.server.address().port;
    self.url = `http://127.0.0.1:${self.port}/`;
    return self;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async handle(request, response) {
    const file = files[request.url];
    if (file) {
      response.writeHead(200, { "Content-Type": file[0], "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff" });
      return response.end(read(file[1]));
    }
    if (this.key && request.headers.authorization !== `Bearer ${this.key}`) return fail(response, 401, "wrong API key");
    if (request.url === "/v1/models") {
      response.writeHead(200, { "Content-Type": "application/json" });
      return response.end(JSON.stringify({ data: this.models }));
    }
    if (request.url === "/metrics") return this.sendMetrics(response);
    if (request.url !== "/v1/chat/completions") return fail(response, 404, `there is no ${request.url}`);
    let body = "";
    for await (const piece of request) body += piece;
    const asked = JSON.parse(body);
    this.requests.push(asked);
    let done = false;
    response.on("close", () => {
      if (!done) ++this.aborted;
    });
    await this.answer(asked, response);
    done = true;
    response.end();
  }

  async answer(asked, response) {
    const text = asked.messages.at(-1).content;
    if (asked.response_format?.json_schema?.schema?.type === "nonsense") return fail(response, 400, "response_format.json_schema.schema: type: 'nonsense' is no type");
    if (text === "full") return fail(response, 429, "the queue is full");
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    sse(response, { model: asked.model ?? this.models[0].id, choices: [{ index: 0, delta: { role: "assistant", content: "" } }] });
    if (text === "break") {
      delta(response, { content: "half of" });
      await pause(80);
      return response.destroy();
    }
    if (text === "fail") {
      delta(response, { content: "some" });
      return response.write(`data: {"error":{"message":"the model failed"}}\n\n`);
    }
    await this.pieces(asked, text, response);
    delta(response, {}, text === "length" ? "length" : text === "tool" ? "tool_calls" : "stop");
    sse(response, { choices: [], usage: { prompt_tokens: 40, completion_tokens: 12, prompt_tokens_details: { cached_tokens: 32 } } });
    response.write("data: [DONE]\n\n");
  }

  async pieces(asked, text, response) {
    if (this.script) {
      delta(response, { reasoning_content: this.script.reasoning });
      delta(response, { content: this.script.answer });
    } else if (text === "slow") {
      for (let i = 0; i < 200 && !response.destroyed; ++i) {
        delta(response, { content: `piece ${i} ` });
        await pause(30);
      }
    } else if (text === "think") {
      for (const piece of ["First ", "this, ", "then that."]) delta(response, { reasoning_content: piece });
      await pause(300);
      delta(response, { content: "The answer." });
    } else if (text === "tool") {
      delta(response, { tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "weather", arguments: "" } }] });
      for (const piece of ['{"city":', '"Bern"}']) delta(response, { tool_calls: [{ index: 0, function: { arguments: piece } }] });
    } else if (String(text).startsWith("hostile ")) {
      const piece = String(text).slice(8).repeat(100);
      for (let i = 0; i < 100; ++i) delta(response, { content: piece });
    } else if (text === "markdown") {
      for (let at = 0; at < markdown.length; at += 7) delta(response, { content: markdown.slice(at, at + 7) });
    } else if (asked.response_format) {
      delta(response, { content: '{"name":"Ada","age":36}' });
    } else {
      delta(response, { content: "You said: " });
      await pause(20);
      delta(response, { content: String(text) });
    }
  }

  sendMetrics(response) {
    const { waiting, running, tokens, prompt, hits } = this.metrics;
    response.writeHead(200, { "Content-Type": "text/plain; version=0.0.4" });
    response.end(
      `# TYPE hearth_answers_waiting gauge\nhearth_answers_waiting{model_name="a"} ${waiting}\nhearth_answers_waiting{model_name="b"} ${this.script ? 0 : 1}\n` +
        `hearth_answers_running{model_name="a"} ${running}\nhearth_generated_tokens_total{model_name="a"} ${tokens}\n` +
        `hearth_prompt_tokens_total{model_name="a"} ${prompt}\nhearth_prefix_hit_tokens_total{model_name="a"} ${hits}\n` +
        `hearth_kv_bytes{model_name="a"} ${64 << 20}\nhearth_resident_memory_bytes ${900 << 20}\n`,
    );
  }
}
