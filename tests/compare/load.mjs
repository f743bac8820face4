#!/usr/bin/env node
// Latency of the API and the page of a capital (34,000 leaf cells on SQLite) at 200 requests a second.
//
//   cargo bench --bench cycle -- --keep FOLDER && cargo build --release
//   npm install --prefix FOLDER/tools --ignore-scripts loadtest@8
//   node tests/compare/load.mjs FOLDER [rate] [seconds]
//
// The daemon of that folder is started on a port of its own at the instant of its last morning, every address is
// asked once, and then loadtest asks for the forecasts of changing series, lists, alerts, boards and the page at an even rate,
// without cached answers. Prints percentiles in ms and ends with 1 if the 99th is 20 ms or more, or an answer was no 2xx.
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const BAR_MS = 20;

const [folder, rate = '200', seconds = '30'] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node tests/compare/load.mjs FOLDER [rate] [seconds]');
  process.exit(2);
}

let loadTest;
try {
  ({ loadTest } = await import(createRequire(resolve(folder, 'tools', 'node_modules', 'x.js')).resolve('loadtest')));
} catch {
  console.error(`skipped: loadtest is not installed; npm install --prefix ${folder}/tools --ignore-scripts loadtest@8`);
  process.exit(0);
}

const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const port = await freePort();
const base = `http://127.0.0.1:${port}`;
const config = join(folder, 'load.toml');
writeFileSync(config, readFileSync(join(folder, 'weisu.toml')));
appendFileSync(config, `\n[http]\nlisten = "127.0.0.1:${port}"\n[schedule]\ndaily = "off"\nexport = "off"\nweekly = "off"\nprune = "off"\n`);
const now = readFileSync(join(folder, 'morning.txt'), 'utf8').trim();
const args = ['--quiet', '--config', config, '--now', now, 'run'];
const daemon = spawn(join(root, 'target', 'release', 'weisu'), args, { stdio: ['ignore', 'ignore', 'inherit'] });
process.on('exit', () => daemon.kill('SIGTERM'));

const get = async (path) => {
  const answer = await fetch(base + path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
};
for (let tries = 0; ; tries += 1) {
  const ready = await fetch(`${base}/readyz`).catch(() => null);
  if (ready?.ok) break;
  if (tries > 600) throw new Error('the daemon did not become ready in a minute');
  await new Promise((wake) => { setTimeout(wake, 100); });
}

// Series of every level, the same in every run.
const walk = [];
for (const [topic, district] of [0, 1, 2].flatMap((t) => [0, 1, 2].map((d) => [t, d]))) {
  const page = await get(`/api/v1/series?topic_depth=${topic}&district_depth=${district}&limit=200`);
  walk.push(...page.items.filter((_, k) => k % 12 === 0));
}
const addresses = [
  ...walk.map((s) => `/api/v1/forecast?topic=${s.topic_id}&district=${s.district_id}`),
  ...walk.filter((_, k) => k % 4 === 0).map((s) => `/api/v1/forecast?topic=${s.topic_id}&district=${s.district_id}&grain=month`),
  ...Array(10).fill('/api/v1/alerts?state=open'),
  ...Array(10).fill('/api/v1/outlook'),
  ...Array(10).fill('/api/v1/status'),
  ...Array(10).fill('/api/v1/scoreboard'),
  ...Array(10).fill('/api/v1/series?limit=1'),
  ...Array(5).fill('/api/v1/lanes'),
  ...Array(5).fill('/api/v1/calendar?days=60'),
  ...Array(5).fill('/api/v1/explanation'),
  ...Array(5).fill('/metrics'),
  ...Array(5).fill('/'),
  ...Array(5).fill('/?lang=en'),
];
const first = [];
for (const path of new Set(addresses)) {
  const from = performance.now();
  const answer = await fetch(base + path);
  await answer.arrayBuffer();
  first.push([performance.now() - from, answer.ok ? path : `${path}: ${answer.status}`]);
}
first.sort((a, b) => b[0] - a[0]);
console.log(`asked for the first time, slowest of ${first.length}:`);
first.slice(0, 8).forEach(([ms, path]) => console.log(`  ${ms.toFixed(1)} ms  ${path}`));
// Mixed, but always in the same order.
const mixed = addresses.map((path, k) => [(k * 7919) % addresses.length, path]).sort((a, b) => a[0] - b[0]);

// A request leaves when its time has come, whether or not the ones before were answered. (autocannon sends those of a second as
// one burst.)
const measured = [];
let next = 0;
const result = await loadTest({
  url: base,
  requestsPerSecond: Number(rate),
  maxSeconds: Number(seconds),
  agentKeepAlive: true,
  quiet: true,
  headers: { 'accept-encoding': 'gzip' },
  requestGenerator: (_, params, request, answered) => request({ ...params, path: mixed[next++ % mixed.length][1] }, answered),
  statusCallback: (error, answer) => measured.push([answer?.path.split('?')[0] ?? '', answer?.requestElapsed ?? NaN]),
});
const sorted = measured.map(([, ms]) => ms).sort((a, b) => a - b);
const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(1);
console.log(`${result.totalRequests} requests in ${result.elapsedSeconds} s (${result.effectiveRps} a second), ${addresses.length} addresses, `
  + `${result.totalErrors} errors; load of the machine ${loadavg()[0].toFixed(1)} on ${availableParallelism()} processors`);
console.log(`ms: median ${at(0.5)}, 90 % ${at(0.9)}, 99 % ${at(0.99)}, 99.9 % ${at(0.999)}, most ${at(1)}`);
for (const path of [...new Set(measured.map(([path]) => path))].sort()) {
  const times = measured.filter(([other]) => other === path).map(([, ms]) => ms).sort((a, b) => a - b);
  console.log(`  ${times[times.length >> 1].toFixed(1).padStart(6)} median ${times.at(-1).toFixed(1).padStart(7)} most  ${path}`);
}
daemon.kill('SIGTERM');
process.exit(Number(at(0.99)) < BAR_MS && result.totalErrors === 0 ? 0 : 1);
