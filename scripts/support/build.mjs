import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bin, ROOT, SERVER } from './repository.mjs';
import { run } from './run.mjs';

/** Left in `dist/` by a build that succeeded: a digest of all that went into it. */
const STAMP = path.join(ROOT, 'dist/.built-from');

/** Beside the sources: what decides how they are compiled. */
const CONFIGURATION = ['nest-cli.json', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

/**
 * Compiles `src/` to `dist/`, unless `dist/` was made of exactly these sources.
 * @returns {Promise<{ built: boolean, ok: boolean, output: string }>}
 */
export async function buildIfStale() {
  const digest = digestOfSources();
  if (isFresh(digest)) return { built: false, ok: true, output: '' };
  const { code, output } = await run(bin('nest'), ['build']);
  // Sources that were saved while it was building are the next build's business.
  if (code === 0) writeFileSync(STAMP, digest);
  return { built: true, ok: code === 0, output };
}

/** @param {string} digest */
function isFresh(digest) {
  return existsSync(SERVER) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === digest;
}

function digestOfSources() {
  const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
    .sort();
  const hash = createHash('sha256');
  for (const file of [...CONFIGURATION, ...sources]) {
    const text = readFileSync(path.join(ROOT, file));
    hash.update(`${file}\0${text.length}\0`).update(text);
  }
  return hash.digest('hex');
}
