// Writes docs/screenshots/*.png: the page in both colours with a scripted conversation, and the live panel with made-up load.
// Run: node tests/web/screenshots.mjs [FOLDER]
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";
import { FakeServer } from "./fake_server.mjs";

const folder = process.argv[2] ?? fileURLToPath(new URL("../../docs/screenshots", import.meta.url));
mkdirSync(folder, { recursive: true });

const question = "How do I read a file line by line in C++20, and what does it cost?";
const reasoning = "The reader wants an idiom and its cost. `std::getline` reuses its string, so it rarely allocates.";
const answer = `Use \`std::getline\`, which keeps the string's memory from line to line:

\`\`\`cpp
#include <fstream>
#include <string>

int main() {
  std::ifstream file("notes.txt");
  std::string line;  // reused
  while (std::getline(file, line)) {
    handle(line);
  }
}
\`\`\`

| way | allocations | when |
|---|--:|---|
| \`std::getline\` | about **1** | nearly always |
| memory map | 0 | very large files |`;

const server = await FakeServer.start();
server.models = [{ id: "example-1b", max_model_len: 8192 }];
server.script = { reasoning, answer };
const browser = await launch();
for (const colorScheme of ["light", "dark"]) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, colorScheme });
  const page = await context.newPage();
  await page.goto(server.url);
  const say = async (text) => {
    await page.getByRole("textbox", { name: "Message", exact: true }).fill(text);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Regenerate" }).waitFor();
  };
  await say("Plan a week of dinners");
  await page.keyboard.press("Alt+n");
  await say(question);
  await page.getByText("Thinking", { exact: true }).click();
  await page.screenshot({ path: `${folder}/chat-${colorScheme}.png` });

  await page.setViewportSize({ width: 1240, height: 760 });
  await page.clock.install();
  await page.getByRole("button", { name: "Live panel" }).click();
  const load = { tokens: 0, prompt: 4000, hits: 2400 };
  for (let second = 0; second < 120; ++second) {
    const busy = 4 + Math.round(3 * Math.sin(second / 9) + 2 * Math.sin(second / 2.3));
    const running = Math.max(0, Math.min(8, busy + 2));
    load.tokens += 14 * running + 6 * (second % 3);
    load.prompt += 30 * running;
    load.hits += Math.round(30 * running * Math.min(0.9, 0.6 + second / 200));
    server.metrics = { waiting: Math.max(0, busy - 5), running, ...load };
    const asked = page.waitForResponse(/metrics/);
    await page.clock.runFor(1000);
    await asked;
  }
  await page.waitForFunction(() => document.querySelectorAll(".uplot").length === 4);
  await page.screenshot({ path: `${folder}/live-${colorScheme}.png` });
  await context.close();
}
await browser.close();
await server.stop();
