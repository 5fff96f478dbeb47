import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { randomId } from '../index.js';
import { SettingsRefused } from './setting.js';

/** Names of ours: a folder that holds one of them is a data directory already. */
const OURS = new Set(['postgres', 'seal.key', 'admin-token', 'web.key', 'dev-ca.key', 'resources']);

/**
 * Makes the data directory, or closes it to others. A folder of something else is not ours to close.
 * @throws SettingsRefused
 */
export function makeDataDir(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if ((statSync(folder).mode & 0o077) === 0) return;
    const contents = readdirSync(folder);
    if (contents.length > 0 && !contents.some((name) => OURS.has(name))) {
      throw refused(folder, 'must be a folder of its own: this one holds other things and is open to others');
    }
    chmodSync(folder, 0o700);
  } catch (error) {
    if (error instanceof SettingsRefused) throw error;
    throw refused(folder, `cannot be made or closed to others (${(error as NodeJS.ErrnoException).code})`);
  }
}

function refused(folder: string, why: string): SettingsRefused {
  return new SettingsRefused([`DATA_DIR is "${folder}": it ${why}`]);
}

/** The file's text; it is made of `text`, whole and on disk, if it is not there. Of two makers one wins. Mode 0600. */
export function keepPrivately(file: string, text: () => string): string {
  if (!statSync(file, { throwIfNoEntry: false })) {
    const fresh = writeAside(file, text());
    try {
      linkSync(fresh, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(fresh);
    }
  }
  return readFileSync(file, 'utf8');
}

/** Puts a new text in the file's place at once. Mode 0600. */
export function replacePrivately(file: string, text: string): void {
  renameSync(writeAside(file, text), file);
}

function writeAside(file: string, text: string): string {
  const fresh = `${file}.${randomId()}`;
  const opened = openSync(fresh, 'wx', 0o600);
  writeSync(opened, text);
  fsyncSync(opened);
  closeSync(opened);
  return fresh;
}
