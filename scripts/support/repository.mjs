import path from 'node:path';

/** The root of the checkout: every script works from here, wherever it was called from. */
export const ROOT = path.resolve(import.meta.dirname, '../..');

export const SERVER = path.join(ROOT, 'dist/main.js');

/** A program of one of our npm packages. */
export function bin(name) {
  return path.join(ROOT, 'node_modules/.bin', name);
}
