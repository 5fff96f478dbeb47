import { randomBytes } from 'node:crypto';
import type { TestingModule } from '@nestjs/testing';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashOfRow } from '../../src/audit/audit-row.js';
import { AuditSealer } from '../../src/audit/audit-sealer.js';
import { AuditTrail } from '../../src/audit/audit-trail.js';
import { ENTRY_COLUMNS, type EntryColumns, rowFrom } from '../../src/audit/entry-columns.js';
import { RefusalCounter } from '../../src/audit/refusal-counter.js';
import { SearchEntries } from '../../src/audit/search-entries.js';
import { VerifyChain } from '../../src/audit/verify-chain.js';
import { runInContext } from '../../src/kernel/request-context.js';
import { parseCursor } from '../../src/persistence/keyset.js';
import { Transactions } from '../../src/persistence/transactions.js';
import { type FreshDatabase, freshDatabase, inDatabase } from '../support/database.js';
import { auditedCloud } from './audited-cloud.js';

let database: FreshDatabase;
let cloud: TestingModule;
let transactions: Transactions;
let trail: AuditTrail;

beforeAll(async () => {
  database = await freshDatabase();
  cloud = await auditedCloud(database.url);
  transactions = cloud.get(Transactions);
  trail = cloud.get(AuditTrail);
});

afterAll(async () => {
  await cloud.close();
  await database.drop();
});

const entriesOf = async (object: string) => (await cloud.get(SearchEntries).execute({ object })).items;

describe('recording', () => {
  it('writes who did what, when, in which request', async () => {
    const before = Date.now();
    await runInContext({ requestId: 'req-7', actor: { kind: 'host', id: 'token-1' } }, () =>
      transactions.run(() =>
        trail.record({
          action: 'share.offered',
          object: 'share:s1',
          peer: 'rel-1',
          details: { permission: 'read', size: 3 },
        }),
      ),
    );
    const [entry] = await entriesOf('share:s1');
    expect(entry).toMatchObject({
      actorKind: 'host',
      actor: 'token-1',
      action: 'share.offered',
      peer: 'rel-1',
      outcome: 'done',
      details: { permission: 'read', size: 3 },
      requestId: 'req-7',
    });
    expect(Date.parse(entry?.at ?? '')).toBeGreaterThanOrEqual(before);
    expect(Date.parse(entry?.at ?? '')).toBeLessThanOrEqual(Date.now());
  });

  it('names the host in process where no request is the cause', async () => {
    await transactions.run(() => trail.record({ action: 'share.expired', object: 'share:s2' }));
    expect(await entriesOf('share:s2')).toMatchObject([
      { actorKind: 'host', actor: 'in-process', peer: null, details: {} },
    ]);
  });

  it('leaves nothing behind when the act is rolled back', async () => {
    const act = transactions.run(async () => {
      await trail.record({ action: 'share.offered', object: 'share:rolled-back' });
      throw new Error('the act failed');
    });
    await expect(act).rejects.toThrow('the act failed');
    expect(await entriesOf('share:rolled-back')).toEqual([]);
    const pending = await transactions.query(
      'select 1 from federation.audit_pending q left join federation.audit_entry e on e.id = q.entry_id where e.id is null',
    );
    expect(pending).toEqual([]);
  });

  it('refuses to work outside of a transaction', async () => {
    await expect(trail.record({ action: 'share.offered', object: 'share:alone' })).rejects.toThrow(
      'outside of a transaction',
    );
    expect(await entriesOf('share:alone')).toEqual([]);
  });

  it('hashes what the database gives back', async () => {
    const details = {
      zebra: 'ä "quoted" \\ \u2028',
      aa: 1e300,
      b: 0.1,
      c: -0,
      d: 1e-7,
      e: 9007199254740991,
      f: null,
      '10': true,
      '9': '',
    };
    await transactions.run(() =>
      trail.record({ action: 'test.hashed', object: 'test:\0\ud800', peer: 'p\0', details }),
    );
    const [columns] = await transactions.query<EntryColumns>(
      `select ${ENTRY_COLUMNS} from federation.audit_entry e where action = 'test.hashed'`,
    );
    expect(columns && hashOfRow(rowFrom(columns))).toBe(columns?.row_hash);
  });
});

describe('searching', () => {
  beforeAll(async () => {
    for (let at = 0; at < 5; at++) {
      await transactions.run(() =>
        trail.record({ action: at % 2 ? 'a.odd' : 'a.even', object: `n:${at}`, peer: 'rel-9' }),
      );
      // Entries of one millisecond have no order among themselves.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });

  it('finds by action, object and peer, newest first', async () => {
    const search = cloud.get(SearchEntries);
    const objects = async (filter: object) => (await search.execute(filter)).items.map((entry) => entry.object);
    expect(await objects({ peer: 'rel-9' })).toEqual(['n:4', 'n:3', 'n:2', 'n:1', 'n:0']);
    expect(await objects({ action: 'a.odd' })).toEqual(['n:3', 'n:1']);
    expect(await objects({ action: 'a.odd', object: 'n:1', peer: 'rel-9' })).toEqual(['n:1']);
    expect(await objects({ action: 'a.odd', object: 'n:2' })).toEqual([]);
  });

  it('goes through all of them page by page', async () => {
    const search = cloud.get(SearchEntries);
    const seen: string[] = [];
    let next: string | null | undefined;
    do {
      const page = await search.execute({ peer: 'rel-9' }, parseCursor(next ?? undefined), 2);
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map((entry) => entry.object));
      next = page.next;
    } while (next);
    expect(seen).toEqual(['n:4', 'n:3', 'n:2', 'n:1', 'n:0']);
  });
});

describe('the tables of the trail', () => {
  let client: pg.Client;

  beforeEach(async () => {
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    return () => client.end();
  });

  const CHANGES = ['audit_entry', 'audit_link'].flatMap((table) => [
    `update federation.${table} set ${table === 'audit_entry' ? "action = 'x'" : "hash = 'x'"}`,
    `delete from federation.${table}`,
    `truncate federation.${table}`,
  ]);

  it.each(CHANGES)('refuse: %s', async (sql) => {
    await expect(client.query(sql)).rejects.toThrow('append-only');
  });

  it.each(CHANGES)('refuse it to a replicating session too: %s', async (sql) => {
    await client.query(`set session_replication_role = 'replica'`);
    await expect(client.query(sql)).rejects.toThrow('append-only');
  });
});

describe('a role that may only add to the trail', () => {
  const role = `t_app_${randomBytes(6).toString('hex')}`;
  let limited: TestingModule;
  let client: pg.Client;

  beforeAll(async () => {
    await inDatabase(
      database.url,
      `create role ${role} login`,
      `grant usage on schema federation to ${role}`,
      `grant select, insert on federation.audit_entry, federation.audit_link to ${role}`,
      `grant select, insert, delete on federation.audit_pending to ${role}`,
      `grant select, insert, update on federation.audit_head to ${role}`,
      `grant select, insert, update, delete on federation.audit_refusal to ${role}`,
    );
    const url = database.url.replace(/^(\w+:\/\/)[^:@/]*/, `$1${role}`);
    limited = await auditedCloud(url, [], database.url);
    client = new pg.Client({ connectionString: url });
    await client.connect();
  });

  afterAll(async () => {
    await limited.close();
    await client.end();
    await inDatabase(database.url, `drop owned by ${role}`, `drop role ${role}`);
  });

  it('records, seals, verifies and counts', async () => {
    expect((await client.query('select current_user as me')).rows).toEqual([{ me: role }]);
    await limited
      .get(Transactions)
      .run(() => limited.get(AuditTrail).record({ action: 'test.limited', object: 'n:1' }));
    await limited.get(AuditSealer).sealAll();
    limited.get(RefusalCounter).count('unknown', '192.0.2.1');
    await limited.get(RefusalCounter).flush();
    expect((await client.query('select reason from federation.audit_refusal')).rows).toEqual([{ reason: 'unknown' }]);
    expect(await limited.get(VerifyChain).execute()).toMatchObject({ verdict: 'intact', unsealed: 0 });
  });

  it.each([
    ['update federation.audit_entry set action = action'],
    ['delete from federation.audit_link'],
    ['truncate federation.audit_entry'],
    ['alter table federation.audit_entry disable trigger append_only'],
    ['drop table federation.audit_head'],
  ])('may not: %s', async (sql) => {
    await expect(client.query(sql)).rejects.toThrow(/permission denied|must be owner/);
  });
});
