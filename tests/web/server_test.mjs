// The page as the real binary serves it: the specialist, and a random model of a chat family that streams.
// HEARTH names the binary; without it nothing is tested here.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, painted } from "./browser.mjs";

const binary = process.env.HEARTH;
const options = { skip: binary ? false : "HEARTH names no binary" };
const folder = mkdtempSync(join(tmpdir(), "hearth-web-"));
const model = join(folder, "large.gguf");
const running = [];
let browser, url;

async function serve(env, ...args) {
  const child = spawn(binary, ["serve", "--port", "0", ...args], {
    env: { ...process.env, HEARTH_NO_CHECK: "1", HEARTH_HOME: folder, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  running.push(child);
  let said = "";
  const address = await new Promise((resolve, reject) => {
    child.stderr.on("data", (data) => {
      said += data;
      const found = /on (http:\/\/127\.0\.0\.1:\d+)/.exec(said);
      if (found) resolve(`${found[1]}/`);
    });
    child.on("exit", (code) => reject(new Error(`hearth serve ended with ${code}: ${said}`)));
  });
  return { address, child };
}

before(async () => {
  if (!binary) return;
  execFileSync("python3", ["-B", fileURLToPath(new URL("../e2e/make_tiny.py", import.meta.url)), "large", model]);
  browser = await launch();
  url = (await serve({}, model)).address;
});
after(async () => {
  await browser?.close();
  for (const child of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function openPage(address) {
  const page = await (await browser.newContext()).newPage();
  page.complaints = [];
  page.foreign = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !/Failed to load resource/.test(message.text())) page.complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith("data:")) page.foreign.push(request.url());
  });
  page.setDefaultTimeout(15000);
  await page.goto(address);
  await painted(page);
  return page;
}

const holds = (locator, text) => locator.filter({ hasText: text }).first().waitFor({ timeout: 20000 });
const named = (page, name) => page.getByRole("button", { name, exact: true });
const answer = (page) => page.getByRole("article", { name: "Answer" }).last();
const say = async (page, text) => {
  await page.getByRole("textbox", { name: "Message", exact: true }).fill(text);
  await page.keyboard.press("Enter");
};

test("the specialist answers, its answer stays after a reload", options, async () => {
  const page = await openPage((await serve({})).address);
  await say(page, "lock the front door");
  await holds(answer(page), '"state": "lock"');
  await holds(page.locator(".stats"), "tokens");
  await page.reload();
  await holds(answer(page), '"state": "lock"');
  assert.deepEqual([page.complaints, page.foreign], [[], []]);
});

test("a chat model streams, is stopped, and the live panel counts it", options, async () => {
  const page = await openPage(url);
  await named(page, "Settings").click();
  await page.getByLabel("Token limit").fill("400");
  await page.getByLabel("Seed").fill("1"); // one that does not draw the end
  await page.evaluate(() => {
    window.lengths = [];
    const look = () => window.lengths.push(document.querySelector(".answer .content")?.textContent.length ?? 0);
    new MutationObserver(look).observe(document.querySelector(".thread"), { childList: true, subtree: true, characterData: true });
  });
  await named(page, "Live panel").click();
  await say(page, "tell me");
  await holds(answer(page), /400 tokens ·/);
  const lengths = await page.evaluate(() => window.lengths);
  assert.ok(new Set(lengths).size >= 3, `grew: ${lengths}`);
  await named(page, "New conversation").click(); // the old one fills the context
  await say(page, "tell me more");
  await page.keyboard.press("Escape");
  await holds(answer(page), "Stopped.");
  const text = await (await fetch(`${url}metrics`)).text();
  assert.ok(Number(/^hearth_generated_tokens_total\{.*\} (\d+)/m.exec(text)[1]) > 0);
  await holds(page.locator(".tiles div").filter({ hasText: "Memory" }), "MiB");
  assert.deepEqual([page.complaints, page.foreign], [[], []]);
});

test("a JSON Schema holds, and one that is none is told in the conversation", options, async () => {
  const page = await openPage(url);
  await named(page, "Settings").click();
  await page.getByLabel("Seed").fill("1"); // one that does not draw blanks without end
  const colour = { type: "object", properties: { colour: { enum: ["red", "green"] } }, required: ["colour"], additionalProperties: false };
  await page.getByLabel("JSON Schema").fill(JSON.stringify(colour));
  await say(page, "which?");
  await holds(answer(page), /"colour": "(red|green)"/);
  await page.getByLabel("JSON Schema").fill('{"type":"nonsense"}');
  await say(page, "who?");
  await holds(answer(page).getByRole("alert"), "JSON schema");
});

test("with a key the page itself is open, its questions are not; a server that ends is told", options, async () => {
  const { address, child } = await serve({ HEARTH_API_KEY: "secret" });
  const page = await openPage(address);
  await holds(page.getByRole("alert"), "API key");
  await named(page, "Settings").click();
  await page.getByLabel("API key").fill("secret");
  await say(page, "lock the front door");
  await holds(answer(page), '"state": "lock"');
  child.removeAllListeners("exit");
  child.kill("SIGKILL");
  await say(page, "hello?");
  await holds(answer(page).getByRole("alert"), "hearth does not answer");
  assert.deepEqual(page.foreign, []);
});
