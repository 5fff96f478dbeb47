import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { buildIfStale } from '../scripts/support/build.mjs';
import { callLocally } from '../scripts/support/local-https.mjs';
import { ROOT } from '../scripts/support/repository.mjs';
import { run } from '../scripts/support/run.mjs';
import { ServerProcess } from '../scripts/support/server-process.mjs';

/**
 * What it takes to move a directory: `npm run bench:accounts [-- 100000]`. Starts a server on an embedded database in a
 * folder of its own, imports a file with the program that operators use, imports it again, exports it, and compares. About
 * two minutes for 100,000 accounts.
 */
const ACCOUNTS = Number(process.argv[2] ?? 100_000);
const PATIENCE = 600_000;

const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-accounts-'));
const input = path.join(folder, 'accounts.ndjson');
const output = path.join(folder, 'exported.ndjson');
const deadline = AbortSignal.timeout(PATIENCE);

async function startServer() {
  const url = `https://cloud1.localhost:${await freePort()}`;
  const settings = { PUBLIC_ORIGIN: url, LISTEN_HOST: '127.0.0.1', DATA_DIR: folder, LOG_LEVEL: 'warn' };
  const server = new ServerProcess({ name: 'server', logFile: path.join(folder, 'server.log'), settings });
  while (!(await isReady(url))) {
    if (server.diedBecause) throw new Error(`the server did not get ready: ${server.diedBecause}\n${server.tail}`);
    deadline.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { url, server };
}

async function isReady(url) {
  try {
    const ca = readFileSync(path.join(folder, 'dev-ca.crt'), 'utf8');
    return (await callLocally({ url: `${url}/health/ready`, ca })).status === 200;
  } catch {
    return false; // nothing listens yet
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** As another directory would give them away: an e-mail address and the hash of a password each. */
async function writeAccounts() {
  const file = createWriteStream(input);
  const base64 = (bytes) => randomBytes(bytes).toString('base64').replace(/=+$/, '');
  for (let at = 0; at < ACCOUNTS; at++) {
    const passwordHash = `$argon2id$v=19$m=19456,t=2,p=1$${base64(16)}$${base64(32)}`;
    const account = { username: `person-${at}@cloud1.localhost`, displayName: `Person ${at}` };
    file.write(`${JSON.stringify({ ...account, emails: [`person.${at}@mail.example.org`], passwordHash })}\n`);
  }
  await finished(file.end());
}

/** Runs the program as an operator does, in front of whoever watches. @returns {Promise<number>} seconds */
function accounts(url, ...args) {
  const since = performance.now();
  const options = [
    '--url',
    url,
    '--token-file',
    path.join(folder, 'admin-token'),
    '--ca',
    path.join(folder, 'dev-ca.crt'),
  ];
  const child = spawn(process.execPath, ['scripts/accounts.mjs', ...args, ...options], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    signal: deadline,
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve((performance.now() - since) / 1000);
      else reject(new Error(`accounts ${args[0]} ended with ${code}`));
    });
  });
}

/** Resident memory now and at most, in MB; at most is undefined where the system does not say. */
async function memoryOf(pid) {
  const { output: now } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  try {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return { now: Number(now) / 1024, peak: Number(peak) / 1024 };
  } catch {
    return { now: Number(now) / 1024 };
  }
}

/** Each account of a file as one text that says all but its id. */
async function contents(file) {
  const found = new Set();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { username, displayName, emails, passwordHash } = JSON.parse(line);
    found.add(JSON.stringify({ username, displayName, emails, passwordHash }));
  }
  return found;
}

const { ok, output: problems } = await buildIfStale();
if (!ok) throw new Error(problems);
let running;
try {
  await writeAccounts();
  running = await startServer();
  const { url, server } = running;
  const say = async (what, seconds) => {
    const { now, peak } = await memoryOf(server.pid);
    const rate = Math.round(ACCOUNTS / seconds);
    process.stdout.write(`${what}: ${seconds.toFixed(1)} s, ${rate}/s; server ${Math.round(now)} MB`);
    process.stdout.write(`${peak ? `, at most ${Math.round(peak)} MB` : ''}\n`);
  };
  process.stdout.write(`before: server ${Math.round((await memoryOf(server.pid)).now)} MB\n`);
  await say('import', await accounts(url, 'import', input));
  await say('the same again', await accounts(url, 'import', input));
  await say('export', await accounts(url, 'export', output, '--with-password-hashes'));
  const [sent, found] = await Promise.all([contents(input), contents(output)]);
  const isSame = sent.size === ACCOUNTS && sent.size === found.size && [...sent].every((account) => found.has(account));
  process.stdout.write(isSame ? 'what came out is what went in\n' : 'what came out is not what went in\n');
  process.exitCode = isSame ? 0 : 1;
} finally {
  await running?.server.stop();
  rmSync(folder, { recursive: true, force: true });
}
