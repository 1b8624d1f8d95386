// Debian's Chromium through the playwright-core of web/node_modules. Says LEFT OUT and ends well where one of them is missing.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
export const chromiumPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function launch() {
  const { chromium } = require("playwright-core");
  // As root (containers) Chromium has no sandbox of its own; what it loads here is ours.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: chromiumPath, args });
}

/** Chromium drops what is typed and clicked before it has shown the first picture. */
export async function painted(page) {
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
}

export function missing() {
  if (!existsSync(chromiumPath)) return "Chromium";
  try {
    require.resolve("playwright-core");
  } catch {
    return "playwright-core in web/node_modules";
  }
  return "";
}
