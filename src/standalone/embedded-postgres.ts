import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { serverAccount } from './postgres-account.js';
import { EmbeddedPostgresUnavailable, findPostgresBinaries } from './postgres-binaries.js';
import { answers, makeDatabase, urlOf } from './postgres-client.js';
import { makeCluster, readLock } from './postgres-cluster.js';
import { makeSocketFolder, temporaryFolder, turnLog } from './postgres-folders.js';
import { type PostgresProcess, spawnPostgres } from './postgres-process.js';

export interface EmbeddedPostgresOptions {
  /** Holds the cluster (`postgres/`) and the server's log (`postgres.log`); made with mode 0700 if it is not there. */
  readonly dataDir: string;
  /** Made if it is not there. Default `entente`. */
  readonly database?: string;
  /** Whether a commit survives the loss of power. Default true; false is for tests, several times as fast. */
  readonly durable?: boolean;
  /** Server settings on top of ours, as in `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** `postgres://…` of the database: a unix socket in a folder that only the server's account and root may enter. */
  readonly url: string;
  /** The same server, another database. */
  urlFor(database: string): string;
  /** Whether we started the server; else another process did, and the database ends with that one. */
  readonly owned: boolean;
  /** Ends the server if we own it, and waits for that. */
  stop(): Promise<void>;
}

/** Crash recovery after a long run takes its time. */
const PATIENCE_MS = 60_000;
const NOT_DURABLE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' };

/**
 * A real PostgreSQL on the npm package's binaries, for development, tests and small clouds. It listens on a unix socket
 * only, its data never leaves `dataDir`, and it ends with our process. A second process on the same folder attaches.
 * @throws EmbeddedPostgresUnavailable
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  if (process.platform === 'win32') throw new EmbeddedPostgresUnavailable('not on Windows. Set DATABASE_URL.');
  const dataDir = path.resolve(options.dataDir);
  const cluster = path.join(dataDir, 'postgres');
  const logFile = path.join(dataDir, 'postgres.log');
  const durable = options.durable ?? true;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const account = serverAccount(cluster);
  const temporary = temporaryFolder(account);
  const binaries = findPostgresBinaries(account, temporary);
  await makeCluster(cluster, binaries, account, durable);
  turnLog(logFile);
  const settings = { ...(durable ? {} : NOT_DURABLE), ...options.settings };
  const start = (strangerInLock?: number): Started => {
    const socketFolder = makeSocketFolder(temporary, account);
    const command = { binaries, cluster, socketFolder, logFile, account, settings, strangerInLock };
    return { socketFolder, process: spawnPostgres(command) };
  };
  const server = await startOrAttach(cluster, start);
  if (!server) throw new EmbeddedPostgresUnavailable(`it did not come up. The reason is at the end of ${logFile}.`);
  const urlFor = (database: string) => urlOf(server.socketFolder, database);
  const database = options.database ?? 'entente';
  const stop = () => stopServer(server);
  try {
    await makeDatabase(urlFor('postgres'), database);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: urlFor(database), urlFor, owned: server.process !== undefined, stop };
}

interface Started {
  readonly socketFolder: string;
  readonly process: PostgresProcess;
}

type Server = Pick<Started, 'socketFolder'> & Partial<Started>;

/** Starts the server, or waits for whoever was faster, until one answers. */
async function startOrAttach(cluster: string, start: (stranger?: number) => Started): Promise<Server | undefined> {
  const deadline = Date.now() + PATIENCE_MS;
  let own: Started | undefined;
  for (let starts = 0; Date.now() < deadline; await pause(20)) {
    const lock = readLock(cluster);
    if (own?.process.isRunning()) {
      if (await answers(own.socketFolder)) return own;
    } else if (lock?.isAlive) {
      if (await answers(lock.socketFolder)) return { socketFolder: lock.socketFolder };
    } else {
      // A server that was killed leaves its lock and sessions, which take a moment to notice: hence more attempts.
      if (++starts > (lock ? 6 : 2)) return undefined;
      await pause((starts - 1) * 150);
      own = start(lock?.pid);
    }
  }
  await own?.process.stop();
  return undefined;
}

/** The watchdog removes the socket's folder, unless only we may change what lies in the temporary folder. */
async function stopServer({ process: own, socketFolder }: Server): Promise<void> {
  if (!own) return;
  await own.stop();
  rmSync(socketFolder, { recursive: true, force: true });
}
