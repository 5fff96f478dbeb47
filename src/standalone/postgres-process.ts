import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import type { Writable } from 'node:stream';
import type { ServerAccount } from './postgres-account.js';

export interface PostgresProcess {
  /** Whether it still runs. */
  isRunning(): boolean;
  /** Ends sessions, writes everything down, and resolves once the server is gone. */
  stop(): Promise<void>;
}

export interface PostgresCommand {
  readonly binaries: string;
  readonly cluster: string;
  readonly socketFolder: string;
  readonly logFile: string;
  readonly account: ServerAccount;
  readonly settings: Readonly<Record<string, string>>;
  /** A process that the lock file names although it is no server of this cluster. */
  readonly strangerInLock: number | undefined;
}

/**
 * Starts the server, waits for its end, and removes the socket's folder. It holds the other end of a pipe of ours: when
 * we end the pipe, or end ourselves (even by SIGKILL), it asks the server for a fast shutdown. Signals of a terminal
 * are not for it: we decide when the database ends.
 */
const WATCHDOG = `
trap '' HUP INT QUIT TERM
folder=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ while read -r line; do :; done; kill -INT $server; } <&3 2>/dev/null &
watch=$!
exec 3<&-
wait $server
status=$?
kill -KILL $watch 2>/dev/null
rm -rf -- "$folder"
exit $status`;

/**
 * How a server names a folder that its account may own but not reach by path (a home that is closed to others): it is
 * born there, and Linux lets it speak of the place where it stands.
 */
export function standingIn(folder: string): string {
  return process.platform === 'linux' ? '/proc/self/cwd' : folder;
}

/** Nothing of our environment reaches the server: it may hold secrets, and PG… variables would change its mind. */
export const POSTGRES_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

export function spawnPostgres(command: PostgresCommand): PostgresProcess {
  const log = openSync(command.logFile, 'a', 0o600);
  const settings = Object.entries({ ...base(command.socketFolder), ...command.settings }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const server = [path.join(command.binaries, 'postgres'), '-D', standingIn(command.cluster), ...settings];
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', command.socketFolder, ...server], {
    ...command.account,
    cwd: command.cluster,
    // PostgreSQL takes its grandparent's number in a lock file for a leftover (a restarted container counts anew).
    env: { ...POSTGRES_ENVIRONMENT, PG_GRANDPARENT_PID: String(command.strangerInLock ?? process.pid) },
    detached: true,
    stdio: ['pipe', log, log],
  });
  closeSync(log);
  return watched(child);
}

function base(socketFolder: string): Record<string, string> {
  return {
    listen_addresses: '',
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0700',
    max_connections: '100',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    cluster_name: 'entente',
  };
}

function watched(child: ChildProcess): PostgresProcess {
  let running = true;
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      running = false;
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });
  // Neither the server nor the pipe to it keeps us running.
  child.unref();
  (child.stdin as (Writable & { unref?(): void }) | null)?.unref?.();
  return {
    isRunning: () => running,
    stop: async () => {
      if (running) child.ref();
      child.stdin?.end();
      await ended;
    },
  };
}
