import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { bin, ROOT } from './repository.mjs';

/** The line that our reporter ends with. */
const CLOSING = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

/**
 * Runs vitest, showing all that it prints but its closing line, which is returned as numbers. A run that ends without
 * that line, or badly in spite of it, counts as a failure.
 * @param {string[]} args
 * @returns {Promise<{ passed: number, failed: number, skipped: number }>}
 */
export async function runTests(args) {
  const env = { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) };
  const child = spawn(bin('vitest'), ['run', ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', resolve);
  });
  let closing;
  for await (const line of createInterface({ input: child.stdout })) {
    const match = CLOSING.exec(line);
    if (match) closing = { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) };
    else process.stdout.write(`${line}\n`);
  }
  const code = await ended;
  if (!closing) return { passed: 0, failed: 1, skipped: 0 };
  return { ...closing, failed: code !== 0 && closing.failed === 0 ? 1 : closing.failed };
}
