// One script and one style sheet with fixed names, beside index.html: three files that the binary embeds, loadable under a
// Content-Security-Policy without 'unsafe-inline'. Paths are relative, so that a proxy may put the page under a prefix.
import { defineConfig, type Plugin } from "vite";

const licences = `/*!
 * hearth's page: Apache-2.0. Bundled with it:
 * Preact (https://preactjs.com), MIT, Copyright (c) 2015-present Jason Miller
 * uPlot (https://github.com/leeoniya/uPlot), MIT, Copyright (c) 2022 Leon Sorokin
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to deal
 * in the Software without restriction, including without limitation the rights
 * to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 * copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all
 * copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 * SOFTWARE.
 */`;

// After the minifier, which would drop it.
const addLicences: Plugin = {
  name: "licences",
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type === "chunk") file.code = `${licences}\n${file.code}`;
    }
  },
};

export default defineConfig({
  base: "./",
  plugins: [addLicences],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: Object.fromEntries(["/v1", "/metrics", "/health"].map((path) => [path, "http://127.0.0.1:8080"])) },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // light-dark()
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: "app.js",
        assetFileNames: "app[extname]",
        codeSplitting: false,
      },
    },
  },
});
