#!/usr/bin/env node
// The boards drawn by Grafana's own panel code, from the query API of a running weisu:
//
//   cargo run --release -- demo --listen 127.0.0.1:18080 &
//   node tests/compare/grafana_render.mjs http://127.0.0.1:18080 [folder for npm] [en|zh]
//
// Takes @grafana/ui 11.6 from npm and Chromium from /usr/bin/chromium. Each time series and stat of the boards on the query
// API is asked for as Grafana would, goes through its field overrides, is drawn by its component and kept as a picture in
// `pictures` of the folder. What must hold: no error on the page's console; an override names a series that came and a setting that
// exists; curves leave more colour than an empty panel; a band fills what it is told to fill, and no longer does when its lower end is
// misspelled; a stat shows its value. Tables, variables and the way from SQL to frames are not covered. Not part of tests/run, because it wants
// the network; without npm or the packages it says so and ends well.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [given, folder, lang = "en"] = process.argv.slice(2);
const address = (given ?? "http://127.0.0.1:8080").replace(/\/$/, "");
const work = resolve(folder ?? join(tmpdir(), "weisu-grafana-render"));
const boards = resolve(dirname(fileURLToPath(import.meta.url)), "../../dashboards/grafana");
const CHROMIUM = "/usr/bin/chromium";
const PACKAGES = [
  "react@18", "react-dom@18", "react-router-dom@5.3.3", "rxjs@7", "esbuild", "playwright-core",
  ...["ui", "data", "schema", "runtime", "e2e-selectors"].map((name) => `@grafana/${name}@11.6`),
];
const SIZE = { width: 900, height: 320 };
// A misspelled lower end must cost a band most of its colour.
const LOST = 0.5;

mkdirSync(join(work, "pictures"), { recursive: true });
if (!existsSync(CHROMIUM)) {
  console.log("skipped: there is no Chromium");
  process.exit(0);
}
if (!existsSync(join(work, "node_modules/@grafana/ui"))) {
  try {
    const flags = ["--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"];
    execFileSync("npm", ["install", ...flags, ...PACKAGES], { cwd: work, stdio: "ignore" });
  } catch {
    console.log("skipped: npm is not installed or cannot reach its registry");
    process.exit(0);
  }
}

writeFileSync(join(work, "page.jsx"), `
import React from "react";
import { createRoot } from "react-dom/client";
import { flushSync } from "react-dom";
import * as data from "@grafana/data";
import { BigValue, PanelChrome, TimeSeries } from "@grafana/ui";
import "uplot/dist/uPlot.min.css";

const CUSTOM = ["axisLabel", "axisPlacement", "drawStyle", "fillOpacity", "fillBelowTo", "hideFrom", "lineInterpolation", "lineStyle",
  "lineWidth", "scaleDistribution", "showPoints", "spanNulls", "stacking", "thresholdsStyle"];
const STANDARD = ["displayName", "unit", "decimals", "min", "max", "noValue", "color", "thresholds", "mappings", "links"];
const item = (isCustom) => (path) => ({
  id: isCustom ? "custom." + path : path, path, isCustom, name: path, settings: {},
  process: (value) => value, shouldApply: () => true, override: () => null, editor: () => null,
});
const fieldConfigRegistry = new data.FieldConfigOptionsRegistry(() => [...STANDARD.map(item(false)), ...CUSTOM.map(item(true))]);
const theme = data.createTheme();
const same = (text) => text;
let root;

window.known = () => fieldConfigRegistry.list().map((entry) => entry.id);

window.draw = (panel, frames, range, timeZone, size) => {
  const fieldConfig = { defaults: panel.fieldConfig.defaults, overrides: panel.fieldConfig.overrides };
  const made = frames.map((frame) => data.toDataFrame({
    refId: frame.refId,
    fields: [
      { name: "Time", type: data.FieldType.time, values: frame.times, config: {} },
      { name: "Value", type: data.FieldType.number, values: frame.values, labels: frame.labels, config: { displayNameFromDS: frame.name } },
    ],
  }));
  const ready = data.applyFieldOverrides({ data: made, fieldConfig, fieldConfigRegistry, replaceVariables: same, theme, timeZone });
  const [from, to] = range.map((ms) => data.dateTime(ms));
  const timeRange = { from, to, raw: { from, to } };
  const content = (width, height) => {
    if (panel.type === "stat") {
      const shown = data.getFieldDisplayValues({
        fieldConfig, reduceOptions: { ...panel.options.reduceOptions, fields: "" }, data: ready, replaceVariables: same, theme, timeZone,
      });
      const each = Math.floor(width / Math.max(shown.length, 1));
      return <div style={{ display: "flex" }}>{shown.map((value, k) =>
        <BigValue key={k} value={value.display} width={each} height={height} theme={theme} colorMode={panel.options.colorMode}
          graphMode={panel.options.graphMode} justifyMode={panel.options.justifyMode} textMode="value_and_name" />)}</div>;
    }
    return <TimeSeries frames={ready} structureRev={Math.random()} timeRange={timeRange} timeZone={timeZone} width={width} height={height}
      legend={panel.options.legend} options={panel.options} replaceVariables={same} />;
  };
  root?.unmount();
  root = createRoot(document.getElementById("root"));
  flushSync(() => root.render(<PanelChrome title={panel.title} width={size.width} height={size.height}>{content}</PanelChrome>));
};

// Points of the drawing that have a colour, and those that shine through as fills do.
window.painted = () => {
  let coloured = 0, translucent = 0;
  for (const canvas of document.querySelectorAll("canvas")) {
    const { data: rgba } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < rgba.length; at += 4) {
      const [r, g, b, a] = rgba.slice(at, at + 4);
      if (Math.max(r, g, b) - Math.min(r, g, b) > 30 && a > 0) {
        coloured += 1;
        translucent += a < 90 ? 1 : 0;
      }
    }
  }
  return { coloured, translucent, text: document.body.innerText };
};
`);
writeFileSync(join(work, "page.html"), "<!doctype html><meta charset=utf-8><link rel=stylesheet href=page.css>"
  + "<body style='margin:0;background:#111217;color:#ccccdc;font-family:sans-serif'><div id=root></div><script src=page.js></script>");
const require = createRequire(join(work, "package.json"));
require("esbuild").buildSync({
  entryPoints: [join(work, "page.jsx")], outfile: join(work, "page.js"), bundle: true, minify: true, logLevel: "error",
  define: { global: "window", "process.env.NODE_ENV": '"production"' },
  loader: { ".svg": "dataurl", ".png": "dataurl", ".woff2": "dataurl", ".ttf": "dataurl" },
});

const get = async (path, params) => {
  const answer = await fetch(`${address}/prom/api/v1/${path}?${new URLSearchParams(params)}`);
  const body = await answer.json();
  if (!answer.ok || body.status !== "success") throw new Error(`${path} ${JSON.stringify(params)}: ${JSON.stringify(body)}`);
  return body.data.result;
};
const DAY = 86_400;
const now = Date.now() / 1000;
const instant = (text) => now + Number(/^now([+-]\d+)d$/.exec(text)?.[1] ?? 0) * DAY;

/** The frames of a panel, one a series, named as its legend says. */
async function frames(panel, board) {
  const values = Object.fromEntries(board.templating.list.map((v) => [v.name, v.current.value === "$__all" ? v.allValue : v.current.value]));
  const [from, to] = [board.time.from, board.time.to].map(instant).map((s) => Math.floor(s / DAY) * DAY);
  const all = [];
  for (const target of panel.targets) {
    const query = target.expr.replace(/\$(\w+)/g, (whole, name) => values[name] ?? whole);
    const found = target.instant ? await get("query", { query, time: now }) : await get("query_range", { query, start: from, end: to, step: DAY });
    for (const series of found) {
      // A sum without labels still has them as Grafana sees it: none.
      const labels = series.metric ?? {};
      const points = series.values ?? [series.value];
      const name = target.legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? "");
      all.push({ refId: target.refId, name, labels, times: points.map((p) => p[0] * 1000), values: points.map((p) => Number(p[1])) });
    }
  }
  return { all, range: [from * 1000, to * 1000] };
}

const browser = await require("playwright-core").chromium.launch({
  executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const page = await browser.newPage({ viewport: SIZE });
const complaints = [];
page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));
await page.goto(pathToFileURL(join(work, "page.html")).href);
const known = await page.evaluate(() => window.known());

const wrong = [];
let drawn = 0, bands = 0;
for (const file of readdirSync(boards).filter((name) => name.endsWith(`-prom.${lang}.json`)).sort()) {
  const board = JSON.parse(readFileSync(join(boards, file), "utf8"));
  for (const panel of board.panels.filter((p) => ["timeseries", "stat"].includes(p.type))) {
    const blame = (what) => wrong.push(`${file}, ${panel.title}: ${what}`);
    const { all, range } = await frames(panel, board);
    const draw = async (asked, series) => {
      await page.evaluate((args) => window.draw(...args), [asked, series, range, "Asia/Shanghai", SIZE]);
      await page.waitForTimeout(150);
      return page.evaluate(() => window.painted());
    };
    if (all.length === 0) {
      console.log(`${file}, ${panel.title}: this weisu has nothing to show`);
      continue;
    }
    // Of series named by a label, such as kinds of alarms, not every one has to be there today.
    const legends = panel.targets.map((target) => target.legendFormat);
    const isOpen = legends.some((legend) => legend.includes("{{"));
    const fillsOf = ({ properties }) => properties.some((p) => p.id === "custom.fillBelowTo");
    for (const override of panel.fieldConfig.overrides) {
      const { matcher, properties } = override;
      const isThere = legends.includes(matcher.options) || all.some((frame) => frame.name === matcher.options);
      if (!isThere && (!isOpen || fillsOf(override))) blame(`no series ${matcher.options}`);
      properties.filter((p) => !known.includes(p.id)).forEach((p) => blame(`no setting ${p.id}`));
    }
    const nothing = all.map((frame) => ({ ...frame, values: frame.values.map(() => null) }));
    const empty = await draw(panel, nothing);
    const full = await draw(panel, all);
    const name = `${file.replace(/\.json$/, "")}-${panel.id}.png`;
    await page.screenshot({ path: join(work, "pictures", name) });
    drawn += 1;
    const points = all.flatMap((frame) => frame.values).filter(Number.isFinite);
    // A line needs two points.
    const isLine = all.some((frame) => frame.values.length > 1);
    if (panel.type === "timeseries" && isLine && full.coloured < empty.coloured + 50) blame("nothing is drawn");
    if (panel.type === "stat" && points.length > 0 && !/\d/.test(full.text.replace(panel.title, ""))) blame(`shows ${full.text}`);
    const fills = panel.fieldConfig.overrides.filter(fillsOf);
    if (fills.length > 0 && points.length > 1) {
      bands += 1;
      const broken = structuredClone(panel);
      for (const { properties } of broken.fieldConfig.overrides) {
        properties.filter((p) => p.id === "custom.fillBelowTo").forEach((p) => { p.value += "?"; });
      }
      const lost = await draw(broken, all);
      if (lost.translucent > LOST * full.translucent) blame(`its band fills ${full.translucent} points, misspelled ${lost.translucent}`);
    }
  }
}
await browser.close();
complaints.forEach((text) => wrong.push(`console: ${text}`));
if (drawn === 0 || bands === 0) wrong.push(`${drawn} panels and ${bands} bands are too few`);
wrong.forEach((text) => console.log(text));
console.log(`${drawn} panels drawn by @grafana/ui 11.6, ${bands} of them with bands: ${wrong.length === 0 ? "sound" : `${wrong.length} faults`}; pictures in ${join(work, "pictures")}`);
process.exit(wrong.length === 0 ? 0 : 1);
