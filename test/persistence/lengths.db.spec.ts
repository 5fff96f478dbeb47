import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/persistence/migrate.js';
import { STANDALONE_MIGRATIONS } from '../../src/standalone/migrations.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { fill, UNITS } from '../support/fill.js';

/** Bytes that fit into what others write. The edge refuses the next one too; this is the second wall. */
const LIMITS: Record<string, number> = {
  'account.display_name': 255,
  'account.username': 320,
  'account_email.email': 320,
  'api_token.label': 255,
  'foreign_session.display_name': 255,
  'foreign_session.home': 300,
  'foreign_session.subject': 255,
  'foreign_session.username': 320,
  'host_call.credential': 255,
  'host_call.key': 255,
  'inbox.key': 255,
  'incoming_share.description': 2048,
  'incoming_share.name': 255,
  'incoming_share.owner': 320,
  'incoming_share.protocols_sealed': 98_304,
  'incoming_share.provider_id': 255,
  'incoming_share.share_id': 255,
  'incoming_share.share_with': 320,
  'outgoing_share.description': 2048,
  'outgoing_share.name': 255,
  'outgoing_share.owner': 320,
  'outgoing_share.remote_id': 255,
  'outgoing_share.resource_id': 255,
  'outgoing_share.share_with': 320,
  'plain_tombstone.provider_id': 255,
  'plain_tombstone.share_with': 320,
  'presented_key.certificate': 16384,
  'received_notification.type': 255,
  'relationship.display_name': 255,
  'relationship.endpoint': 300,
  'relationship.origin': 300,
  'relationship.proposed_display_name': 255,
  'relationship.proposed_security_contact': 320,
  'relationship.security_contact': 320,
  'relationship_domain.domain': 253,
  'relationship_key.certificate': 16384,
  'share_tombstone.share_id': 255,
  'trust_request.code_sealed': 255,
  'trust_request.display_name': 255,
  'trust_request.endpoint': 300,
  'trust_request.origin': 300,
};

/** The same for JSON: what to write, and how many bytes of it fit. */
const IN_JSON: [name: string, limit: number, (text: string) => object][] = [
  ['received_notification.content', 4000, (message) => ({ message })],
  ['received_notification.content', 16_384 - '{"name": ""}'.length, (name) => ({ name })],
];

const NAMES = [...Object.keys(LIMITS), ...IN_JSON.map(([name]) => name)];

describe('the database, whoever writes to it', () => {
  let database: FreshDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await freshDatabase();
    await migrate({ url: database.url, migrations: STANDALONE_MIGRATIONS });
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    for (const table of new Set(NAMES.map((name) => name.split('.')[0]))) {
      // A copy that has the rules about values, and asks for no other columns.
      await client.query(`create temp table "${table}" (like federation."${table}" including constraints)`);
      const { rows } = await client.query<{ name: string }>(
        `select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0`,
        [`pg_temp.${table}`],
      );
      const changes = rows.map(({ name }) => `alter column "${name}" drop not null`);
      await client.query(`alter table pg_temp."${table}" ${changes.join(', ')}`);
    }
  });
  afterAll(async () => {
    await client?.end();
    await database?.drop();
  });

  it.each(Object.entries(LIMITS))('takes into %s %i bytes and not one more, whatever they are', async (name, limit) => {
    const [table, column] = name.split('.');
    const insert = (text: string) => client.query(`insert into pg_temp."${table}" ("${column}") values ($1)`, [text]);
    for (const [units, unit] of UNITS) {
      await expect(insert(fill(unit, limit)), units).resolves.toMatchObject({ rowCount: 1 });
      await expect(insert(fill(unit, limit + 1)), units).rejects.toMatchObject({ code: '23514' });
    }
  });

  it.each(IN_JSON)('takes into %s %i bytes and not one more, whatever they are', async (name, limit, json) => {
    const [table, column] = name.split('.');
    const insert = (text: string) =>
      client.query(`insert into pg_temp."${table}" ("${column}") values ($1)`, [JSON.stringify(json(text))]);
    for (const [units, unit] of UNITS) {
      await expect(insert(fill(unit, limit)), units).resolves.toMatchObject({ rowCount: 1 });
      await expect(insert(fill(unit, limit + 1)), units).rejects.toMatchObject({ code: '23514' });
    }
  });

  it('limits no column that is not named here', async () => {
    const { rows } = await client.query<{ name: string }>(
      `select distinct c.relname || '.' || a.attname as name from pg_constraint k
       join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.conkey)
       where n.nspname = 'federation' and pg_get_constraintdef(k.oid) like '%octet_length%'`,
    );
    expect(rows.map(({ name }) => name).sort()).toEqual([...new Set(NAMES)].sort());
  });
});
