import { constants } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { placeOf } from './places.mjs';
import { notFound, Refusal } from './refusal.mjs';

/** Neither through a link, which might have been put there a moment ago, nor waiting for whoever writes to a pipe. */
const AS_IT_IS = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * What lies at a place: what a folder holds, or a file opened for reading.
 * @param {string} resource
 * @param {string[]} steps
 * @returns {Promise<{ list: { name: string, type: 'folder' | 'file' }[] } | { file: import('node:fs/promises').FileHandle }>}
 */
export async function read(resource, steps) {
  const place = await placeOf(resource, steps);
  if ((await stat(place)).isDirectory()) return { list: await list(place) };
  return { file: await openFile(place, constants.O_RDONLY) };
}

/**
 * Writes a whole file, in a folder that exists.
 * @param {string} resource
 * @param {string[]} steps
 * @param {Buffer} content
 * @returns {Promise<'created' | 'replaced'>}
 */
export async function write(resource, steps, content) {
  const folder = await placeOf(resource, steps.slice(0, -1));
  const place = path.join(folder, ...steps.slice(-1));
  const isThere = await stat(place).then(
    () => true,
    () => false,
  );
  const file = await openFile(place, constants.O_WRONLY | constants.O_CREAT);
  try {
    await file.truncate();
    await file.writeFile(content);
  } finally {
    await file.close();
  }
  return isThere ? 'replaced' : 'created';
}

/** Folders and files, by name; anything else is not ours to show. */
async function list(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() || entry.isFile())
    .map((entry) => ({ name: entry.name, type: entry.isDirectory() ? 'folder' : 'file' }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function openFile(place, flags) {
  const file = await open(place, flags | AS_IT_IS, 0o600).catch((error) => {
    if (error.code === 'EISDIR') throw new Refusal(409, 'IS_A_FOLDER');
    if (['ELOOP', 'ENXIO', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'EACCES'].includes(error.code)) throw notFound();
    throw error;
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw notFound();
}
