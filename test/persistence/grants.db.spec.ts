import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/persistence/migrate.js';
import { freshDatabase, inDatabase } from '../support/database.js';

describe('an application role that does not own the schema', () => {
  const role = `app_${process.pid}`;
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let application: pg.Client;

  beforeAll(async () => {
    database = await freshDatabase();
    await inDatabase(database.url, `create role ${role} login`);
    const url = database.url.replace(/\/\/[^@]*@/, `//${role}@`);
    await migrate({ url, migrationUrl: database.url });
    application = new pg.Client({ connectionString: url });
    await application.connect();
  });

  afterAll(async () => {
    await application?.end();
    await inDatabase(database.url, `drop owned by ${role}`, `drop role ${role}`);
    await database.drop();
  });

  it('reads and writes the tables of the capabilities', async () => {
    await application.query(`insert into federation.inbox (peer, key, digest) values ('p', 'k', 'd')`);
    await application.query(`update federation.inbox set digest = 'e' where peer = 'p'`);
    expect((await application.query('delete from federation.inbox')).rowCount).toBe(1);
  });

  it.each(['audit_entry', 'audit_link'])(
    'may add to %s, but neither change nor remove what is there',
    async (table) => {
      const { rows } = await application.query(
        `select has_table_privilege($1, 'insert') as add, has_table_privilege($1, 'update') as change,
         has_table_privilege($1, 'delete') as remove, has_table_privilege($1, 'truncate') as empty`,
        [`federation.${table}`],
      );
      expect(rows[0]).toEqual({ add: true, change: false, remove: false, empty: false });
    },
  );

  it('may not make tables', async () => {
    await expect(application.query('create table federation.mine (id text)')).rejects.toMatchObject({ code: '42501' });
  });
});
