import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../../scripts/support/repository.mjs';

const END_WITH_PARENT = pathToFileURL(path.join(ROOT, 'scripts/support/end-with-parent.mjs')).href;
const PATIENCE = 20_000;

/** What we have started and what has not ended yet. */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * A Node process of its own, which ends with us. Standard output goes to an open file, as a service manager would have it.
 * @param {{ script: string, args?: string[], env?: Record<string, string>, flags?: string[], log: number, cwd?: string }} options
 */
export function startNode({ script, args = [], env = {}, flags = [], log, cwd = ROOT }) {
  const { PATH, HOME, TMPDIR } = process.env;
  const inherited = Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR }).filter(([, value]) => value));
  const child = spawn(process.execPath, [...flags, '--import', END_WITH_PARENT, script, ...args], {
    cwd,
    env: { ...inherited, NODE_ENV: 'production', ...env },
    stdio: ['pipe', log, log],
  });
  running.add(child);
  const ended = new Promise((resolve) => child.once('exit', resolve)).finally(() => running.delete(child));
  return {
    pid: child.pid,
    ended,
    hasEnded: () => !running.has(child),
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** A script that does one job and prints its result as JSON. */
export async function runNode(script, input) {
  const child = spawn(process.execPath, ['--import', END_WITH_PARENT, script, JSON.stringify(input)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  running.add(child);
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  running.delete(child);
  if (code !== 0) throw new Error(`${path.basename(script)} ended with ${code}`);
  return JSON.parse(Buffer.concat(chunks).toString());
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks again and again until the answer is something. @template T @param {() => Promise<T>} probe */
export async function until(what, probe, patience = PATIENCE) {
  const deadline = performance.now() + patience;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await pause(20);
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
