import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildIfStale } from '../scripts/support/build.mjs';
import { callLocally } from '../scripts/support/local-https.mjs';
import { ROOT } from '../scripts/support/repository.mjs';
import { run } from '../scripts/support/run.mjs';
import { ServerProcess } from '../scripts/support/server-process.mjs';

/**
 * What a server may cost: `npm run bench:limits`. Starts it in a folder of its own, on an embedded database that does not
 * exist yet and on one that runs, and prints each figure beside its limit. Exits 1 if one is over. About 45 seconds.
 */
const LIMITS = { firstStart: 5, start: 3, memory: 180 };
const STARTS = 3;
/** Until what a start leaves behind is collected, in milliseconds. */
const IDLE = 10_000;
/** A start that takes longer has failed, in milliseconds. */
const PATIENCE = 30_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** One start in a folder, until it is ready. @returns {Promise<{ server: ServerProcess, seconds: number }>} */
async function start(folder, settings) {
  const port = await freePort();
  const url = `https://cloud1.localhost:${port}`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const since = performance.now();
  const server = new ServerProcess({
    name: 'server',
    logFile: path.join(folder, 'server.log'),
    settings: { PUBLIC_ORIGIN: url, LISTEN_HOST: '127.0.0.1', DATA_DIR: folder, ...settings },
  });
  while (!(await isReady(url, folder))) {
    if (server.diedBecause || performance.now() - since > PATIENCE) {
      await server.stop();
      throw new Error(`the server did not get ready\n${server.tail}`);
    }
    await pause(20);
  }
  return { server, seconds: (performance.now() - since) / 1000 };
}

async function isReady(url, folder) {
  try {
    const ca = readFileSync(path.join(folder, 'dev-ca.crt'), 'utf8');
    return (await callLocally({ url: `${url}/health/ready`, ca })).status === 200;
  } catch {
    // Nothing listens yet.
    return false;
  }
}

/** Resident memory of a process, in MB. */
async function memoryOf(pid) {
  const { code, output } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  if (code === 0) return Number(output) / 1024;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A server on an embedded database that has to be made first. */
async function firstStart(folder) {
  const { server, seconds } = await start(folder, {});
  await server.stop();
  return seconds;
}

/** Starts on a database that runs, its tables made; the last server is left alone for a while and weighed. */
async function laterStarts(folder, databaseUrl) {
  const key = path.join(folder, 'seal.key');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(key, randomBytes(32).toString('base64'), { mode: 0o600 });
  const settings = { DATABASE_URL: databaseUrl, SEAL_KEY_FILE: key };
  await start(folder, settings).then(({ server }) => server.stop());
  const times = [];
  for (;;) {
    const { server, seconds } = await start(folder, settings);
    times.push(seconds);
    if (times.length === STARTS) {
      await pause(IDLE);
      const memory = await memoryOf(server.pid);
      await server.stop();
      return { seconds: times.sort((a, b) => a - b)[Math.floor(STARTS / 2)], memory };
    }
    await server.stop();
  }
}

function report(what, figure, limit, unit) {
  const isOk = figure <= limit;
  const share = Math.round((figure / limit) * 100);
  process.stdout.write(`${isOk ? 'ok  ' : 'over'}  ${what}: ${figure.toFixed(1)} ${unit}, ${share} % of ${limit}\n`);
  return isOk;
}

const { ok, output } = await buildIfStale();
if (!ok) throw new Error(output);
const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-limits-'));
const { startEmbeddedPostgres } = await import(
  pathToFileURL(path.join(ROOT, 'dist/standalone/embedded-postgres.js')).href
);
const database = await startEmbeddedPostgres({ dataDir: path.join(folder, 'database') });
try {
  const first = await firstStart(path.join(folder, 'first'));
  const { seconds, memory } = await laterStarts(path.join(folder, 'later'), database.url);
  const verdicts = [
    report('first start, embedded database made on the way', first, LIMITS.firstStart, 's'),
    report(`start on a running database, median of ${STARTS}`, seconds, LIMITS.start, 's'),
    report(`resident memory after ${IDLE / 1000} s of nothing to do`, memory, LIMITS.memory, 'MB'),
  ];
  process.exitCode = verdicts.every(Boolean) ? 0 : 1;
} finally {
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
}
