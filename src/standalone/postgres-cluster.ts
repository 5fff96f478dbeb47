import { execFile, execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ServerAccount } from './postgres-account.js';
import { EmbeddedPostgresUnavailable } from './postgres-binaries.js';
import { POSTGRES_ENVIRONMENT, standingIn } from './postgres-process.js';

/** What the server writes into its folder while it runs. */
export interface ClusterLock {
  readonly pid: number;
  readonly socketFolder: string;
  /** Whether that process is the server of this cluster, and not another one that got its number. */
  readonly isAlive: boolean;
}

/** Makes the cluster's folder unless it is there: under a private name first, so that two first starts cannot clash. */
export async function makeCluster(
  cluster: string,
  binaries: string,
  account: ServerAccount,
  durable: boolean,
): Promise<void> {
  if (existsSync(path.join(cluster, 'PG_VERSION'))) return checkVersion(cluster, binaries);
  const fresh = mkdtempSync(`${cluster}.new-`);
  try {
    if (account.uid !== undefined && account.gid !== undefined) chownSync(fresh, account.uid, account.gid);
    const options = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C'];
    await promisify(execFile)(
      path.join(binaries, 'initdb'),
      ['-D', standingIn(fresh), ...options, ...(durable ? [] : ['--no-sync'])],
      { ...account, cwd: fresh, env: POSTGRES_ENVIRONMENT },
    );
    renameSync(fresh, cluster);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(path.join(cluster, 'PG_VERSION')))
      throw new EmbeddedPostgresUnavailable(`initdb failed: ${error}`, error);
  }
}

function checkVersion(cluster: string, binaries: string): void {
  const made = readFileSync(path.join(cluster, 'PG_VERSION'), 'utf8').trim();
  const text = execFileSync(path.join(binaries, 'postgres'), ['--version'], { encoding: 'utf8', cwd: '/' });
  const ours = /(\d+)/.exec(text)?.[1];
  if (made === ours) return;
  throw new EmbeddedPostgresUnavailable(
    `${cluster} was made by PostgreSQL ${made}, this release brings ${ours}. Run PostgreSQL ${made} on it and set DATABASE_URL, or move its contents with pg_dump.`,
  );
}

/** Who holds the cluster, if anybody; undefined also while a server has only begun to write its lock. */
export function readLock(cluster: string): ClusterLock | undefined {
  const file = path.join(cluster, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const [pid, , , , socketFolder = ''] = readFileSync(file, 'utf8').split('\n');
  if (!Number(pid)) return undefined;
  return { pid: Number(pid), socketFolder, isAlive: isServer(commandLine(Number(pid)), socketFolder) };
}

/** A process number may have a new owner by now; but each start has a socket folder of its own, named on its command line. */
function isServer(command: string, socketFolder: string): boolean {
  return command.includes(`unix_socket_directories=${socketFolder}`);
}

function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    // No such process.
    return '';
  }
}
