#!/usr/bin/env node
// The boards against Grafana's own types: node tests/compare/grafana_schema.mjs [folder for npm]
//
// Takes @grafana/schema 11.6 from npm (every property of it is still there in 13), makes JSON schemas of its types and
// validates each board and the options and field settings of each panel. Unknown properties are errors, so a typo is
// found. Not part of tests/run, because it wants the network; without npm or the packages it says so and ends well.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const boards = resolve(dirname(fileURLToPath(import.meta.url)), "../../dashboards/grafana");
const work = resolve(process.argv[2] ?? join(tmpdir(), "weisu-grafana-schema"));
const PACKAGES = ["typescript@5", "@grafana/schema@11.6", "ajv@8", "ts-json-schema-generator@2"];
mkdirSync(work, { recursive: true });
if (!existsSync(join(work, "node_modules/@grafana/schema"))) {
  try {
    execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...PACKAGES], { cwd: work, stdio: "ignore" });
  } catch {
    console.log("skipped: npm is not installed or cannot reach its registry");
    process.exit(0);
  }
}

const raw = "@grafana/schema/dist/esm/raw";
const panel = (kind, name) => `${raw}/composable/${kind}/panelcfg/x/${name}PanelCfg_types.gen`;
writeFileSync(join(work, "gen.ts"), `
import { Dashboard } from "${raw}/dashboard/x/dashboard_types.gen";
import { Options as TimeOptions, FieldConfig as TimeField } from "${panel("timeseries", "TimeSeries")}";
import { Options as StatOptions } from "${panel("stat", "Stat")}";
import { Options as TableOptions, FieldConfig as TableField } from "${panel("table", "Table")}";
export type Board = Partial<Dashboard>;
export type TimeseriesOptions = Partial<TimeOptions>;
export type TimeseriesField = Partial<TimeField>;
export type StatOptionsPart = Partial<StatOptions>;
export type TableOptionsPart = Partial<TableOptions>;
export type TableFieldPart = Partial<TableField>;
`);
writeFileSync(join(work, "tsconfig.json"), JSON.stringify({
  compilerOptions: { module: "esnext", moduleResolution: "node", skipLibCheck: true, strict: true, target: "es2022" },
  files: ["gen.ts"],
}));
const require = createRequire(join(work, "package.json"));
const Ajv = require("ajv").default ?? require("ajv");

function validator(type) {
  const out = join(work, `${type}.json`);
  if (!existsSync(out)) {
    const tool = join(work, "node_modules/.bin/ts-json-schema-generator");
    execFileSync(tool, ["--path", "gen.ts", "--type", type, "--tsconfig", "tsconfig.json", "--no-type-check", "-o", out], { cwd: work });
  }
  return new Ajv({ allErrors: true, strict: false }).compile(JSON.parse(readFileSync(out, "utf8")));
}

// What Grafana takes and its published types do not have: targets and variables of data sources, and the mapping and
// transformation options, which each have a type of their own.
const allowed = (error) =>
  /^\/(annotations|templating)\/list\//.test(error.instancePath) ||
  /^\/panels\/\d+$/.test(error.instancePath) && error.keyword === "anyOf";
const check = Object.fromEntries(
  ["Board", "TimeseriesOptions", "TimeseriesField", "StatOptionsPart", "TableOptionsPart", "TableFieldPart"].map((t) => [t, validator(t)]),
);
const OPTIONS = { timeseries: "TimeseriesOptions", stat: "StatOptionsPart", table: "TableOptionsPart" };
const FIELD = { timeseries: "TimeseriesField", table: "TableFieldPart" };

function wrong(board) {
  const found = [];
  const run = (type, value, where) => {
    if (!check[type](value)) {
      found.push(...check[type].errors.filter((e) => !allowed(e)).map((e) => `${where}${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`));
    }
  };
  // A panel is one of several types; rows are told apart here, so that one mistake is not reported for each.
  run("Board", { ...board, panels: [] }, "");
  for (const panel of board.panels.filter((p) => p.type !== "row")) {
    run("Board", { ...board, panels: [panel] }, `${panel.title} `);
    run(OPTIONS[panel.type], panel.options, `${panel.title} options`);
    if (FIELD[panel.type]) run(FIELD[panel.type], panel.fieldConfig.defaults.custom, `${panel.title} custom`);
  }
  return found;
}

const files = readdirSync(boards).filter((name) => name.endsWith(".json"));
let bad = 0;
for (const name of files) {
  const found = wrong(JSON.parse(readFileSync(join(boards, name), "utf8")));
  bad += found.length;
  for (const line of [...new Set(found)]) console.log(`${name}: ${line}`);
}
// The check itself must find what it is for.
const broken = JSON.parse(readFileSync(join(boards, files[0]), "utf8"));
const first = broken.panels.find((p) => p.type === "stat" || p.type === "timeseries");
first.gridPos.heigth = first.gridPos.h;
if (wrong(broken).length === 0) {
  console.log("a misspelt gridPos.heigth was not found");
  bad += 1;
}
console.log(`${files.length} boards against @grafana/schema 11.6: ${bad === 0 ? "sound" : `${bad} findings`}`);
process.exit(bad === 0 ? 0 : 1);
