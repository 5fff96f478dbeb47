import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { notFound } from './refusal.mjs';

const ROOT = '/files';
const NOT_THERE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES']);

/**
 * The steps from a shared resource to what a request is about: none for `/files/`, one for `/files/notes.txt`.
 * @param {string} target of the request, as sent: each step is decoded once, by itself
 * @returns {string[]}
 * @throws {import('./refusal.mjs').Refusal} 404 for whatever else it may be
 */
export function stepsOf(target) {
  const [whole] = target.split('?', 1);
  if (whole !== ROOT && !whole.startsWith(`${ROOT}/`)) throw notFound();
  const rest = whole.slice(ROOT.length + 1).replace(/\/$/, '');
  const steps = rest === '' ? [] : rest.split('/').map(decoded);
  if (!steps.every(isStep)) throw notFound();
  return steps;
}

/**
 * Where a shared resource lies: `<owner>/<resource id>` below the folder of all of them, as the cloud that shares it finds
 * it too. Nothing outside its owner's folder is one, whatever links say.
 * @param {string} resources
 * @param {{ owner: string, resource_id: string }} share
 */
export async function resourceOf(resources, { owner, resource_id: resource }) {
  if (!isStep(owner) || !isStep(resource)) throw notFound();
  const folder = await itself(path.join(await realpath(resources), owner));
  const found = await real(path.join(folder, resource));
  if (!found?.startsWith(folder + path.sep)) throw notFound();
  return found;
}

/** Where the steps lead, if it exists and no link is on the way: links could lead out. */
export function placeOf(resource, steps) {
  return itself(path.join(resource, ...steps));
}

async function itself(file) {
  if ((await real(file)) !== file) throw notFound();
  return file;
}

async function real(file) {
  try {
    return await realpath(file);
  } catch (error) {
    if (NOT_THERE.has(error.code)) return undefined;
    throw error;
  }
}

function decoded(step) {
  try {
    return decodeURIComponent(step);
  } catch {
    return '';
  }
}

/** One step of a path, which leads nowhere else. */
function isStep(text) {
  return typeof text === 'string' && text !== '' && text !== '.' && text !== '..' && !/[/\\\0]/.test(text);
}
