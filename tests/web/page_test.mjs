// The page in headless Chromium, against a scripted server (fake_server.mjs). Run: node --test tests/web
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { launch, painted } from "./browser.mjs";
import { FakeServer } from "./fake_server.mjs";

let browser, context, page, server, complaints, requested;

before(async () => {
  browser = await launch();
});
after(() => browser.close());
beforeEach(async () => {
  server = await FakeServer.start();
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  page = await openPage();
});
afterEach(async () => {
  await context.close();
  await server.stop();
  // No test may make the page complain (a violated policy is such a complaint), or let it ask anybody else.
  assert.deepEqual(complaints, []);
  assert.deepEqual(requested.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(server.url)), []);
});

async function openPage() {
  complaints = [];
  requested = [];
  const opened = await context.newPage();
  opened.setDefaultTimeout(15000);
  opened.on("pageerror", (error) => complaints.push(String(error)));
  opened.on("console", (message) => {
    // Chromium itself reports failed requests; the tests make some on purpose.
    if (["error", "warning"].includes(message.type()) && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  context.on("request", (request) => requested.push(request.url()));
  await opened.goto(server.url);
  await opened.getByRole("combobox", { name: "Model" }).waitFor();
  await painted(opened);
  return opened;
}

const box = () => page.getByRole("textbox", { name: "Message", exact: true });
const answers = () => page.getByRole("article", { name: "Answer" });
const named = (name) => page.getByRole("button", { name, exact: true });
const holds = (locator, text) => locator.filter({ hasText: text }).first().waitFor({ timeout: 5000 });
const done = () => named("Send").waitFor({ timeout: 5000 });

async function say(text) {
  await box().fill(text);
  await box().press("Enter");
}
async function until(condition, what) {
  for (let i = 0; i < 100; ++i) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  assert.fail(`never: ${what}`);
}

test("sends with Enter, breaks lines with Shift+Enter, shows the answer and its numbers", async () => {
  await box().pressSequentially("one");
  await box().press("Shift+Enter");
  await box().pressSequentially("two");
  await box().press("Enter");
  await holds(answers(), "You said: one");
  await holds(page.locator(".stats"), "12 tokens");
  await holds(page.locator(".stats"), "prompt 40, 32 from the cache");
  assert.deepEqual(server.requests[0].messages, [{ role: "user", content: "one\ntwo" }]);
  assert.equal(server.requests[0].stream, true);
  assert.equal(await box().inputValue(), "");
  await say("more");
  await holds(answers(), "You said: more");
  assert.deepEqual(server.requests[1].messages.map(({ role }) => role), ["user", "assistant", "user"]);
});

test("shows an answer while it is written; Stop and Esc end it and the server notices", async () => {
  for (const stop of [() => named("Stop").click(), () => page.keyboard.press("Escape")]) {
    const before = server.aborted;
    await say("slow");
    await holds(answers().last(), "piece 3");
    assert.equal(await answers().last().getAttribute("aria-busy"), "true");
    await stop();
    await holds(answers().last(), "Stopped.");
    await until(() => server.aborted === before + 1, "the server sees that its client left");
    const text = await answers().last().innerText();
    assert.ok(text.includes("piece 3") && !text.includes("piece 199"));
    await done();
  }
});

test("a reload keeps conversations, also one that was being written", async () => {
  await say("first question");
  await holds(answers(), "You said: first question");
  await page.keyboard.press("Alt+n");
  await page.locator(".welcome").waitFor();
  await say("slow");
  await holds(answers(), "piece 3");
  await page.reload();
  await holds(answers(), "piece 1"); // the conversation that was open
  await holds(answers(), "Stopped.");
  await named("first question").click();
  await holds(answers(), "You said: first question");
  page.once("dialog", (dialog) => dialog.accept());
  await named("Remove “first question”").click();
  await page.reload();
  await named("slow").waitFor();
  assert.equal(await named("first question").count(), 0);
});

test("errors stand in the conversation and can be tried again", async () => {
  for (const [text, message] of [
    ["full", "the queue is full"],
    ["fail", "the model failed"],
    ["break", "The connection broke before the answer was complete."],
  ]) {
    await say(text);
    await holds(page.getByRole("alert"), message);
    await done();
  }
  await holds(answers().last(), "half of"); // what came before the fault stays
  const asked = server.requests.length;
  await named("Retry").click();
  await until(() => server.requests.length === asked + 1, "asked again");
  await done();
});

test("a server that is down is said, and Retry works when it is back", async () => {
  const { port } = server;
  await server.stop();
  await say("hello");
  await holds(answers().getByRole("alert"), "hearth does not answer");
  server = await FakeServer.start(port);
  await named("Retry").click();
  await holds(answers(), "You said: hello");
  assert.equal(await answers().getByRole("alert").count(), 0);
});

test("edits a message, regenerates an answer", async () => {
  await say("frist");
  await holds(answers(), "You said: frist");
  await say("second");
  await holds(answers(), "You said: second");
  await named("Regenerate").click();
  await until(() => server.requests.length === 3, "asked again");
  assert.deepEqual(server.requests[2], server.requests[1]);
  await done();
  await named("Edit message").first().click();
  await page.getByRole("textbox", { name: "Edit message" }).fill("first");
  await page.keyboard.press("Enter");
  await holds(answers(), "You said: first");
  assert.deepEqual(server.requests[3].messages, [{ role: "user", content: "first" }]);
  await done();
  await box().press("ArrowUp"); // the last message
  await page.getByRole("textbox", { name: "Edit message" }).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await answers().count(), 1);
});

test("thinking is folded", async () => {
  await say("think");
  await holds(answers(), "The answer.");
  const thought = page.getByText("First this, then that.");
  assert.equal(await thought.isVisible(), false);
  await page.getByText("Thinking", { exact: true }).click();
  assert.equal(await thought.isVisible(), true);
});

test("tool calls are shown, and their results can be given", async () => {
  await named("Settings").click();
  await page.getByLabel("Tools").fill('[{"type":"function","function":{"name":"weather"}}]');
  await say("tool");
  const call = page.getByRole("region", { name: "Tool call: weather" });
  await holds(call, '"city": "Bern"');
  await page.getByLabel("Result of weather").fill('{"sky":"clear"}');
  await named("Send result").click();
  await until(() => server.requests.length === 2, "asked with the result");
  assert.deepEqual(server.requests[1].messages.slice(1), [
    { role: "assistant", content: null, tool_calls: [{ id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Bern"}' } }] },
    { role: "tool", tool_call_id: "call_1", content: '{"sky":"clear"}' },
  ]);
  assert.equal(server.requests[1].tools[0].function.name, "weather");
  await done();
});

test("settings are sent; bad ones are told before or by the server", async () => {
  await page.getByRole("combobox", { name: "Model" }).selectOption("fake-large");
  await page.keyboard.press("Alt+s");
  const fields = { Temperature: "0.5", "Top p": "0.9", "Top k": "40", "Min p": "0.05", "Token limit": "64", Seed: "7" };
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByLabel("System prompt").fill("Be brief.");
  await page.getByLabel(/^Stop at/).fill("END\nStop");
  await page.getByLabel("Thinking").selectOption("off");
  await page.getByLabel("JSON Schema").fill('{"type":"object"}');
  await say("who?");
  await holds(answers(), '"name": "Ada"'); // one JSON value is laid out
  const { messages, stream_options, stream, ...rest } = server.requests[0];
  assert.deepEqual(rest, {
    model: "fake-large", temperature: 0.5, top_p: 0.9, top_k: 40, min_p: 0.05, seed: 7, max_completion_tokens: 64, stop: ["END", "Stop"],
    response_format: { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" }, strict: true } },
    chat_template_kwargs: { enable_thinking: false },
  });
  assert.deepEqual(messages[0], { role: "system", content: "Be brief." });
  await page.getByLabel("Top p", { exact: true }).fill("1.5");
  await holds(page.getByRole("alert"), "Top p: a number, 0 to 1");
  await page.getByLabel("JSON Schema").fill("{");
  await holds(page.locator(".wrong"), "not valid JSON");
  await say("again");
  await holds(answers().getByRole("alert"), "JSON Schema: not valid JSON");
  assert.equal(server.requests.length, 1); // it was not asked
  await page.getByLabel("JSON Schema").fill('{"type":"nonsense"}');
  await named("Retry").click();
  await holds(answers().getByRole("alert"), "'nonsense' is no type");
});

test("an API key is sent, and kept only where it shall be", async () => {
  server.key = "secret";
  await page.reload();
  await holds(page.getByRole("alert"), "wrong API key");
  await named("Settings").click();
  await page.getByLabel("API key").fill("secret");
  await page.getByLabel("API key").blur();
  await page.getByRole("combobox", { name: "Model" }).waitFor();
  await say("hello");
  await holds(answers(), "You said: hello");
  assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).includes("secret"));
  await page.getByLabel("Keep it in this browser").check();
  await page.reload();
  await page.getByRole("combobox", { name: "Model" }).waitFor();
});

test("Markdown becomes elements, and nothing of it runs or leads elsewhere", async () => {
  await say("markdown");
  await done();
  const content = answers().locator(".content");
  const count = (selector) => content.locator(selector).count();
  for (const selector of ["h3", "strong", "em", "del", "ol > li ul li.task", "th.right", "td.right strong", "blockquote", ".t-keyword", ".t-comment"]) {
    assert.ok((await count(selector)) > 0, selector);
  }
  const text = await content.innerText();
  for (const plain of ["snake_case_name", "2 * 3 * 4", "<script>", "onerror="]) assert.ok(text.includes(plain), plain);
  const links = await content.locator("a").evaluateAll((all) => all.map(({ href, rel, target }) => ({ href, rel, target })));
  assert.deepEqual(links.map(({ href }) => href), ["https://example.org/a", "https://example.org/p.png"]);
  assert.ok(links.every(({ rel, target }) => rel === "noopener noreferrer" && target === "_blank"));
  assert.equal((await count("script")) + (await count("img")), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
});

test("text made to keep a renderer busy does not", async () => {
  for (const piece of ["[", "*a_", "`x", "> ", "- ", "|-", "**a ", "<http://", "# ", "![a](", "``` ", '{"a":[']) {
    const started = Date.now();
    await say(`hostile ${piece}`);
    await page.waitForTimeout(100);
    await named("Send").waitFor({ timeout: 20000 });
    assert.ok(Date.now() - started < 8000, `${piece}: ${Date.now() - started} ms`);
    await page.keyboard.press("Alt+n");
    await page.locator(".welcome").waitFor();
  }
});

test("the policy stops inline scripts and foreign hosts", async () => {
  const blocked = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "window.hacked = 1";
    document.body.append(script);
    const foreign = await fetch("http://127.0.0.2:9/").then(() => "asked", () => "blocked");
    return [window.hacked, foreign];
  });
  assert.deepEqual(blocked, [undefined, "blocked"]);
  assert.ok(complaints.length >= 2 && complaints.every((text) => /Content Security Policy|violates/.test(text)), complaints.join("\n"));
  complaints = [];
  requested = requested.filter((url) => !url.startsWith("http://127.0.0.2"));
});

test("exports and imports conversations; foreign files are refused", async () => {
  await say("keep me");
  await holds(answers(), "You said: keep me");
  const [download] = await Promise.all([page.waitForEvent("download"), named("Export").click()]);
  const text = readFileSync(await download.path(), "utf8");
  assert.equal(JSON.parse(text).conversations[0].messages[1].content, "You said: keep me");
  page.once("dialog", (dialog) => dialog.accept());
  await named("Remove “keep me”").click();
  await page.locator(".welcome").waitFor();
  const give = (content) =>
    page.getByLabel("File of conversations to import").setInputFiles({ name: "x.json", mimeType: "application/json", buffer: Buffer.from(content) });
  for (const [bad, message] of [["{", "not JSON"], ["[1]", "no conversations"], ['{"format":"hearth-conversations","version":1,"conversations":[{"id":1}]}', "damaged"]]) {
    await give(bad);
    await holds(page.locator(".notice"), message);
  }
  await give(text);
  await holds(page.locator(".notice"), "1 conversation imported.");
  await holds(answers(), "You said: keep me");
});

test("the live panel asks while it is open, and only then", async () => {
  server.metrics = { waiting: 3, running: 2, tokens: 100, prompt: 1000, hits: 250 };
  await named("Live panel").click();
  const tile = (name) => page.locator(".tiles div").filter({ hasText: name }).locator("dd");
  await holds(tile("Running"), "2");
  await holds(tile("Waiting"), "4"); // of both models
  await holds(tile("Prefix hits"), "25 %");
  await holds(tile("Keys and values"), "64 MiB");
  assert.equal(await page.getByRole("img", { name: /^(Answers|Tokens|Memory|Prefix)/ }).count(), 4);
  assert.equal(await page.locator(".uplot canvas").count(), 4);
  server.metrics.tokens = 400;
  await until(async () => Number(await tile("Tokens per second").innerText()) > 100, "a rate");
  await page.keyboard.press("Escape");
  await page.locator(".panel").waitFor({ state: "detached" });
  const before = requested.length;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(requested.length, before);
});

test("the keyboard reaches everything, and its list is there", async () => {
  await page.locator("body").click();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" }).catch(() => undefined);
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "message-box");
  assert.equal(await box().inputValue(), "");
  for (const keys of ["Alt+s", "Alt+l"]) {
    await page.keyboard.press(keys);
    await page.locator(".panel").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".panel").waitFor({ state: "detached" });
  }
});

test("everything has a name, one main landmark, and enough contrast in both colours", async () => {
  await say("markdown");
  await done();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const panel of ["Alt+s", "Alt+l"]) {
      await page.keyboard.press(panel);
      await page.locator(".panel").waitFor();
      assert.deepEqual(await page.evaluate(inspect), [], `${colorScheme} ${panel}`);
    }
    await page.keyboard.press("Escape");
  }
});

/** Runs in the page: what a reader of the screen or a weak eye would miss. */
function inspect() {
  const faults = [];
  const seen = (element) => element.getClientRects().length > 0;
  const nameOf = (element) => {
    const by = element.getAttribute("aria-labelledby");
    return (
      element.getAttribute("aria-label") ??
      (by ? document.getElementById(by)?.textContent : undefined) ??
      element.labels?.[0]?.textContent ??
      element.textContent
    ).trim();
  };
  for (const element of document.querySelectorAll("button, input, select, textarea, a, [role=img], [role=region], nav, aside, dialog, [tabindex='0']")) {
    if (seen(element) && nameOf(element) === "") faults.push(`no name: ${element.outerHTML.slice(0, 120)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) faults.push("an id is used twice");
  if (document.querySelectorAll("main").length !== 1 || document.querySelectorAll("h1").length !== 1) faults.push("main or h1");
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) =>
    [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
    if (!own || !seen(element) || element.closest(":disabled, noscript, .skip, .uplot, option")) continue;
    const [high, low] = [light(rgba(getComputedStyle(element).color)), light(background(element))].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 100)}`);
  }
  return faults;
}

test("narrow screens: nothing sticks out, the side bar and panels lie over the conversation", async () => {
  await page.setViewportSize({ width: 360, height: 700 });
  await say("markdown");
  await done();
  const sticksOut = () => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(await sticksOut(), false);
  await named("Conversations").click();
  await page.getByRole("navigation").waitFor();
  await named("New conversation").click();
  await page.getByRole("navigation").waitFor({ state: "detached" });
  await named("Settings").click();
  assert.equal(await sticksOut(), false);
  assert.ok((await page.locator(".panel").boundingBox()).width <= 360);
});

test("colours follow the system until the reader chooses, and the choice stays", async () => {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  const light = await paper();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await paper();
  assert.notEqual(light, dark);
  await page.getByRole("button", { name: /^Colours: as the system/ }).click();
  await until(async () => (await paper()) === light, "the reader's choice");
  await page.reload();
  await page.getByRole("button", { name: /^Colours: light/ }).waitFor();
  assert.equal(await paper(), light);
});
