// Writes dist/MANIFEST: SHA-256 of every source that the build reads and of every file it made. tests/web/check_dist.py compares,
// so that a change here without `npm run build` is noticed where there is no Node.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const sources = ["index.html", "manifest.mjs", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];
const inFolder = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== "MANIFEST")
  .map((entry) => `${entry.parentPath}/${entry.name}`);
const files = [...sources, ...inFolder("src"), ...inFolder("dist")].sort();
const lines = files.map((file) => `${createHash("sha256").update(readFileSync(file)).digest("hex")}  ${file}\n`);
writeFileSync("dist/MANIFEST", lines.join(""));
