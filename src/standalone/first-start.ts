import { existsSync } from 'node:fs';
import path from 'node:path';
import { SealKey, Secret } from '../index.js';
import { keepPrivately } from './private-files.js';
import { SettingsRefused, Unsuitable } from './setting.js';
import { readSealKey, readToken } from './setting-files.js';

/** The key file of an embedded database. Made only while there is nothing that an earlier one has sealed. */
export function keepSealKey(dataDir: string): Uint8Array {
  const file = sealKeyFile(dataDir);
  if (!existsSync(file) && existsSync(path.join(dataDir, 'postgres'))) {
    throw new SettingsRefused([
      `${file} is missing, and the keys in the database beside it open with nothing else: put it back from a backup, or start over with an empty DATA_DIR`,
    ]);
  }
  keepPrivately(file, () => `${SealKey.generate().toString('base64')}\n`);
  return read(file, readSealKey);
}

export function sealKeyFile(dataDir: string): string {
  return path.join(dataDir, 'seal.key');
}

/** The bootstrap credential of a server that was given none. */
export function keepAdminToken(dataDir: string): Secret {
  const file = adminTokenFile(dataDir);
  keepPrivately(file, () => `${Secret.random().reveal()}\n`);
  return read(file, readToken);
}

export function adminTokenFile(dataDir: string): string {
  return path.join(dataDir, 'admin-token');
}

function read<T>(file: string, reader: (file: string) => T): T {
  try {
    return reader(file);
  } catch (error) {
    throw error instanceof Unsuitable ? new SettingsRefused([`${file} ${error.expected}`]) : error;
  }
}
