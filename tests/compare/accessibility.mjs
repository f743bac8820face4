#!/usr/bin/env node
// The pages of a running daemon against axe-core: node tests/compare/accessibility.mjs [address] [folder for npm]
//
// Opens each page in Chromium in both languages, at a desk, on a phone and in the dark, and prints what axe-core (WCAG 2.2
// A and AA and its best practices) finds wrong; ends with 1 if anything is. `tests/it/browser.rs` checks the commonest of
// it without npm; this is the second opinion. Without npm, its packages or Chromium it says so and ends well.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const address = (process.argv[2] ?? "http://127.0.0.1:8080").replace(/\/$/, "");
const work = resolve(process.argv[3] ?? join(tmpdir(), "weisu-accessibility"));
const CHROMIUM = "/usr/bin/chromium";
const SCREENS = [
  ["desk", { viewport: { width: 1280, height: 860 } }],
  ["phone", { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ["dark", { viewport: { width: 1280, height: 860 }, colorScheme: "dark" }],
];

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(0);
}

if (!existsSync(CHROMIUM)) skip("no chromium here");
mkdirSync(work, { recursive: true });
if (!existsSync(join(work, "node_modules/axe-core"))) {
  try {
    const packages = ["axe-core@4", "playwright-core@1"];
    execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages], { cwd: work, stdio: "ignore" });
  } catch {
    skip("npm is not installed or cannot reach its registry");
  }
}
const require = createRequire(join(work, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const alerts = await (await fetch(`${address}/api/v1/alerts?state=open&limit=1`)).json();
const pages = ["", "alerts", "calendar", "backtest", "exports", ...alerts.map((alert) => `alerts/${alert.id}`)];
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
let wrong = 0;
for (const [name, screen] of SCREENS) {
  // The policy of the pages lets nobody put a script in, axe neither.
  const context = await browser.newContext({ ...screen, bypassCSP: true });
  const page = await context.newPage();
  for (const path of pages) {
    for (const lang of ["zh", "en"]) {
      await page.goto(`${address}/${path}?lang=${lang}`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      for (const { id, impact, help, nodes } of violations) {
        wrong += nodes.length;
        console.log(`/${path} ${lang} ${name}: ${id} (${impact}), ${help}: ${nodes[0].html.slice(0, 120)} and ${nodes.length - 1} more`);
      }
    }
  }
  await context.close();
}
await browser.close();
console.log(`${pages.length} pages, 2 languages, ${SCREENS.length} screens: ${wrong} violations`);
process.exit(wrong ? 1 : 0);
