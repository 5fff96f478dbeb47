import { chownSync, existsSync, mkdtempSync, renameSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ServerAccount } from './postgres-account.js';
import { EmbeddedPostgresUnavailable } from './postgres-binaries.js';

/** Longest name of the temporary folder in bytes: a unix socket's whole path has about 100 (104 on macOS, 108 on Linux). */
const TEMPORARY_MAX_BYTES = 64;
const LOG_MAX_BYTES = 4 * 1024 * 1024;

/** The temporary folder, if its name is short and the server's account can get there; else `/tmp`. */
export function temporaryFolder(account: ServerAccount): string {
  const usable = [os.tmpdir(), '/tmp'].find(
    (folder) => Buffer.byteLength(folder) <= TEMPORARY_MAX_BYTES && isReachable(folder, account),
  );
  if (usable) return usable;
  throw new EmbeddedPostgresUnavailable('there is no temporary folder for its socket. Set TMPDIR, or DATABASE_URL.');
}

function isReachable(folder: string, account: ServerAccount): boolean {
  if (!existsSync(folder)) return false;
  if (account.uid === undefined) return true;
  const { mode } = statSync(folder);
  return (mode & 0o001) !== 0 && (folder === path.dirname(folder) || isReachable(path.dirname(folder), account));
}

/** A folder of mode 0700 for the socket, new for each start. */
export function makeSocketFolder(temporary: string, account: ServerAccount): string {
  const folder = mkdtempSync(path.join(temporary, 'entente-'));
  if (account.uid !== undefined && account.gid !== undefined) chownSync(folder, account.uid, account.gid);
  return folder;
}

/** Keeps the last two logs. */
export function turnLog(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_MAX_BYTES) renameSync(logFile, `${logFile}.1`);
}
