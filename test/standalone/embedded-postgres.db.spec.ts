import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/standalone/embedded-postgres.js';
import { inDatabase } from '../support/database.js';
import { bringBinaries, compileLauncher, startOwner } from './owner-process.js';

const isRoot = process.getuid?.() === 0;

/** A home that is closed to others, as root's is. */
const home = mkdtempSync(path.join(os.tmpdir(), 'entente-home-'));
let dataDir: string;
let model: string;
const started: EmbeddedPostgres[] = [];

const start = async (options: { durable?: boolean; settings?: Record<string, string> } = {}) => {
  const server = await startEmbeddedPostgres({ dataDir, durable: false, ...options });
  started.push(server);
  return server;
};

const rows = async (url: string) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const result = await client.query<{ word: string }>('select word from said order by word');
  await client.end();
  return result.rows.map(({ word }) => word);
};

/** Processes whose command line names the folder of this server's socket: the server and its watchdog. */
const processesOf = (url: string) =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(socketFolder(url));
    } catch (error) {
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  });
const socketFolder = (url: string) =>
  decodeURIComponent(new URL(url.replace('@/', '@localhost/')).searchParams.get('host') ?? '');

const newDataDir = () => {
  dataDir = mkdtempSync(path.join(home, 'data-'));
};

beforeAll(async () => {
  newDataDir();
  await (await start()).stop();
  model = dataDir;
});

/** Most tests begin with a cluster that was stopped in good order; a copy of one is made faster than a new one. */
beforeEach(() => {
  newDataDir();
  execFileSync('cp', ['-a', `${model}/.`, dataDir]);
});

afterEach(async () => {
  for (const server of started.splice(0).reverse()) await server.stop();
});

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

describe('the embedded database', () => {
  it('keeps everything below its folder, whose parents are closed to the account it runs under', async () => {
    newDataDir();
    const server = await start({ durable: true });
    await inDatabase(server.url, 'create table said (word text)', `insert into said values ('hello')`);

    expect(await rows(server.url)).toEqual(['hello']);
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(statSync(path.join(dataDir, 'postgres')).mode & 0o777).toBe(0o700);
    expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.log']);
    expect(statSync(path.join(dataDir, 'postgres.log')).mode & 0o777).toBe(0o600);
    if (isRoot) expect(statSync(path.join(dataDir, 'postgres')).uid).not.toBe(0);
  });

  it('writes every commit down unless told otherwise', async () => {
    const server = await start({ durable: undefined });
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows: settings } = await client.query(
      `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'listen_addresses') order by name`,
    );
    await client.end();

    expect(settings.map(({ name, setting }) => `${name}=${setting}`)).toEqual([
      'fsync=on',
      'listen_addresses=',
      'synchronous_commit=on',
    ]);
  });

  it('lets nobody else to its socket, and takes the folder away in the end', async () => {
    const server = await start();
    const folder = socketFolder(server.url);

    expect(statSync(folder).mode & 0o777).toBe(0o700);
    await server.stop();
    expect(existsSync(folder)).toBe(false);
    expect(processesOf(server.url)).toEqual([]);
  });

  it('attaches when another start was faster', async () => {
    newDataDir();
    const servers = await Promise.all([start(), start(), start()]);

    expect(servers.filter(({ owned }) => owned)).toHaveLength(1);
    expect(new Set(servers.map(({ url }) => url)).size).toBe(1);
    await inDatabase(servers[0]?.url ?? '', 'create table said (word text)');
    for (const { url } of servers) expect(await rows(url)).toEqual([]);
    expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.log']);
  });

  it('leaves the server running when one that attached stops', async () => {
    const owner = await start();
    const guest = await start();
    await guest.stop();

    expect(guest.owned).toBe(false);
    await expect(inDatabase(owner.url, 'select 1')).resolves.toBeUndefined();
  });

  it('ends with its owner, even by SIGKILL, and keeps the rows', async () => {
    const owner = await startOwner(compileLauncher(path.join(home, 'program')), dataDir, { durable: true });
    await inDatabase(owner.url, 'create table said (word text)', `insert into said values ('kept')`);
    expect(owner.owned).toBe(true);
    await owner.kill();

    await expect.poll(() => processesOf(owner.url), { timeout: 5_000 }).toEqual([]);
    await expect.poll(() => existsSync(socketFolder(owner.url)), { timeout: 5_000 }).toBe(false);
    expect(await rows((await start()).url)).toEqual(['kept']);
  });

  describe.runIf(isRoot)('where the account that the server runs under cannot reach the binaries', () => {
    let program: string;
    let temporary: string;

    beforeAll(() => {
      program = compileLauncher(path.join(home, 'closed'));
      bringBinaries(program);
    });

    beforeEach(() => {
      temporary = mkdtempSync(path.join(os.tmpdir(), 'entente-open-'));
      chmodSync(temporary, 0o1777);
      return () => rmSync(temporary, { recursive: true });
    });

    const startAndKill = async () => {
      const owner = await startOwner(program, dataDir, { temporary });
      await owner.kill();
      await expect.poll(() => existsSync(socketFolder(owner.url)), { timeout: 5_000 }).toBe(false);
    };

    it('copies them once, and completes a copy that was swept', async () => {
      await startAndKill();
      const [copy = ''] = readdirSync(temporary);
      const made = statSync(path.join(temporary, copy)).ino;
      await startAndKill();

      expect(copy).toMatch(/^entente-postgres-[^.]+\.[^.]+\.[^.]+\.[^.]+-0$/);
      expect(statSync(path.join(temporary, copy)).ino).toBe(made);
      rmSync(path.join(temporary, copy, 'native/share/postgresql/timezonesets'), { recursive: true });
      await startAndKill();
      expect(existsSync(path.join(temporary, copy, 'native/share/postgresql/timezonesets'))).toBe(true);
      expect(readdirSync(temporary)).toEqual([copy]);
    });

    it('does not run what somebody else has put in their place', async () => {
      await startAndKill();
      const [copy = ''] = readdirSync(temporary);
      chownSync(path.join(temporary, copy), 65_534, 65_534);

      await expect(startAndKill()).rejects.toThrow(`${copy} belongs to somebody else. Remove it, or set DATABASE_URL.`);
    });
  });

  it('starts over at once when its owner has only just been killed', async () => {
    const owner = await startOwner(compileLauncher(path.join(home, 'program-2')), dataDir);
    await inDatabase(owner.url, 'create table said (word text)');
    await owner.kill();
    const server = await start();

    expect(server.owned).toBe(true);
    expect(await rows(server.url)).toEqual([]);
  });

  it('recovers after the server itself was killed', async () => {
    const first = await start({ durable: true });
    await inDatabase(first.url, 'create table said (word text)', `insert into said values ('kept')`);
    const [pid] = readFileSync(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGKILL');
    const second = await start({ durable: true });

    expect(second.owned).toBe(true);
    expect(await rows(second.url)).toEqual(['kept']);
  });

  it('is not held up by a lock whose process number now belongs to another program', async () => {
    const first = await start();
    await inDatabase(first.url, 'create table said (word text)');
    const lock = path.join(dataDir, 'postgres/postmaster.pid');
    const text = readFileSync(lock, 'utf8');
    await first.stop();
    const { uid, gid } = statSync(path.join(dataDir, 'postgres'));
    const stranger = spawn('sleep', ['60'], isRoot ? { uid, gid } : {});
    writeFileSync(lock, text.replace(/^\d+/, String(stranger.pid)));
    try {
      expect(await rows((await start()).url)).toEqual([]);
    } finally {
      stranger.kill();
    }
  });

  it('says where to look when the server does not come up', async () => {
    await expect(start({ settings: { shared_buffers: 'many' } })).rejects.toThrow(
      `The embedded PostgreSQL cannot be started: it did not come up. The reason is at the end of ${dataDir}/postgres.log.`,
    );
    expect(readFileSync(path.join(dataDir, 'postgres.log'), 'utf8')).toContain('shared_buffers');
  });

  it('refuses a folder that another major version made', async () => {
    writeFileSync(path.join(dataDir, 'postgres/PG_VERSION'), '15\n');

    await expect(start()).rejects.toThrow(/was made by PostgreSQL 15, this release brings 18\./);
  });
});
