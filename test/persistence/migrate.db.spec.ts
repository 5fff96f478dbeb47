import pg from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/persistence/migrate.js';
import { MIGRATIONS } from '../../src/persistence/migrations/index.js';
import { addressOf, type FreshDatabase, freshDatabase, inDatabase } from '../support/database.js';

const NOWHERE = 'postgres://nobody@127.0.0.1:1/nothing';

let server: FreshDatabase;
let made = 0;
const empty: string[] = [];

/** A database without anything in it. */
async function emptyDatabase(): Promise<string> {
  const name = `m_${process.pid}_${made++}`;
  await inDatabase(server.url, `create database ${name}`);
  empty.push(name);
  return addressOf(server.url, name);
}

async function rowsIn(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function applied(url: string) {
  return rowsIn(url, 'select name from federation.migration order by id').then((rows) => rows.map(({ name }) => name));
}

function tables(url: string) {
  return rowsIn(url, `select table_name from information_schema.tables where table_schema = 'federation'`);
}

beforeAll(async () => {
  server = await freshDatabase();
});
afterEach(async () => {
  for (const name of empty.splice(0)) await inDatabase(server.url, `drop database ${name} with (force)`);
});
afterAll(async () => {
  await server?.drop();
});

describe('the schema', () => {
  it('is made in a database that has nothing', async () => {
    const url = await emptyDatabase();
    await migrate({ url });
    expect(await applied(url)).toEqual(MIGRATIONS.map(({ name }) => name));
    expect((await tables(url)).length).toBeGreaterThan(10);
  });

  it('stays as it is when it is migrated again', async () => {
    const { url } = server;
    const before = await applied(url);
    await inDatabase(url, `insert into federation.share_tombstone (relationship_id, share_id) values ('r', 's')`);
    await migrate({ url });
    expect(await applied(url)).toEqual(before);
    expect(await rowsIn(url, 'select share_id from federation.share_tombstone')).toEqual([{ share_id: 's' }]);
  });

  it('is made once by several nodes that start together', async () => {
    const url = await emptyDatabase();
    await Promise.all([migrate({ url }), migrate({ url }), migrate({ url })]);
    expect(await applied(url)).toEqual(MIGRATIONS.map(({ name }) => name));
  });

  it('waits for a node that is migrating', async () => {
    const url = await emptyDatabase();
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    const order: string[] = [];
    // The lock of `migrate`, held by hand.
    await other.query('select pg_advisory_lock(7308613709768287602)');
    const waiting = migrate({ url }).then(() => order.push('we'));
    await untilSomebodyWaits(url);
    expect(await tables(url)).toEqual([]);
    order.push('the other node');
    await other.end();
    await waiting;
    expect(order).toEqual(['the other node', 'we']);
    expect(await applied(url)).toHaveLength(MIGRATIONS.length);
  });

  it('is made by its owner, who is somebody else than the application’s own role', async () => {
    const migrationUrl = await emptyDatabase();
    const role = `reader_${process.pid}`;
    await inDatabase(migrationUrl, `create role ${role} login password '${role}'`);
    const url = migrationUrl.replace(/^(\w+:\/\/)(?:[^@/]*@)?/, `$1${role}:${role}@`);
    try {
      await expect(migrate({ url })).rejects.toMatchObject({ code: '42501' });
      await migrate({ url, migrationUrl });
      expect(await applied(migrationUrl)).toHaveLength(MIGRATIONS.length);
      const owners = await rowsIn(
        migrationUrl,
        `select distinct tableowner = current_user as ours from pg_tables where schemaname = 'federation'`,
      );
      expect(owners).toEqual([{ ours: true }]);
    } finally {
      await inDatabase(migrationUrl, `drop owned by ${role}`, `drop role ${role}`);
    }
  });

  it('leaves its owner all rights where the owner works under two addresses', async () => {
    const { url } = server;
    await migrate({ url, migrationUrl: `${url}${url.includes('?') ? '&' : '?'}application_name=migration` });
    const [own] = await rowsIn(
      url,
      `select count(*)::int as rights
       from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) p
       where c.oid = 'federation.migration'::regclass and p.grantee = c.relowner
         and p.privilege_type in ('INSERT', 'UPDATE', 'DELETE')`,
    );
    expect(own).toEqual({ rights: 3 });
  });

  it('is refused by a database that cannot be reached', async () => {
    await expect(migrate({ url: NOWHERE })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('keeps nothing of a migration that fails, and can be migrated once it is repaired', async () => {
    const { url } = server;
    const before = await applied(url);
    await expect(migrate({ url, migrations: [Broken1895000000000] })).rejects.toThrow(/no_such_table/);
    expect(await rowsIn(url, `select to_regclass('federation.half_made') as half`)).toEqual([{ half: null }]);
    expect(await applied(url)).toEqual(before);
    await migrate({ url });
  });

  it('takes the tables of the host’s adapters in', async () => {
    const { url } = server;
    await migrate({ url, migrations: [Hosts1895000000000] });
    expect((await applied(url)).at(-1)).toBe('Hosts1895000000000');
    expect(await rowsIn(url, 'select * from federation.of_the_host')).toEqual([]);
  });

  it('can be taken back to nothing, step by step', async () => {
    const url = await emptyDatabase();
    await migrate({ url });
    const { DataSource } = await import('typeorm');
    const source = await new DataSource({
      type: 'postgres',
      url,
      schema: 'federation',
      migrations: MIGRATIONS,
      migrationsTableName: 'migration',
    }).initialize();
    for (const _ of MIGRATIONS) await source.undoLastMigration();
    await source.destroy();
    expect(await tables(url)).toEqual([{ table_name: 'migration' }]);
  });
});

class Hosts1895000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table federation.of_the_host (id text primary key)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table federation.of_the_host');
  }
}

class Broken1895000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table federation.half_made (id text primary key)');
    await runner.query('insert into federation.no_such_table values (1)');
  }
  async down(): Promise<void> {
    return;
  }
}

async function untilSomebodyWaits(url: string): Promise<void> {
  for (let round = 0; round < 200; round++) {
    const rows = await rowsIn(
      url,
      `select from pg_locks l join pg_database d on d.oid = l.database
       where d.datname = current_database() and l.locktype = 'advisory' and not l.granted`,
    );
    if (rows.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('nobody waits for the lock');
}
