import { bin } from './repository.mjs';
import { run } from './run.mjs';

/** Compiled once, then only what has changed: the file knows what was found in the rest. */
const TYPES = ['--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/entente/types.tsbuildinfo'];

/** Everything that judges the text of the code without running it. */
export const CHECKS = {
  format: () => run(bin('biome'), ['format', '.']),
  lint: () => run(bin('biome'), ['lint', '--error-on-warnings', '.']),
  types: () => run(bin('tsc'), TYPES),
  arrows: () => run(bin('depcruise'), ['src', '--config', '.dependency-cruiser.cjs']),
  'dead code': () => run(bin('knip'), []),
};

/**
 * What judges the package as npm would publish it; wants `dist/`. Only ES modules are offered, and TypeScript finds their
 * types by `exports` alone, so the resolutions of CommonJS and of TypeScript 4.6 and older are left out.
 */
export const PACKAGE_CHECKS = {
  package: () => run(bin('publint'), ['--strict']),
  'package types': () => run(bin('attw'), ['--pack', '.', '--profile', 'esm-only']),
};

/**
 * Runs one check, says how it went and how long it took, and shows what it found if it failed.
 * @param {string} name
 * @param {() => Promise<{ code: number, output: string }>} work
 * @returns {Promise<boolean>} whether it passed
 */
export async function check(name, work) {
  const since = performance.now();
  const { code, output } = await work();
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? '✓' : '✗'} ${name} (${seconds} s)\n`);
  if (code !== 0) process.stdout.write(`${output.trimEnd()}\n`);
  return code === 0;
}
