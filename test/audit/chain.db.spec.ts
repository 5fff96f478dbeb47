import { EventEmitter, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestingModule } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { hashOfRow } from '../../src/audit/audit-row.js';
import { AuditSealer } from '../../src/audit/audit-sealer.js';
import { AuditTrail } from '../../src/audit/audit-trail.js';
import { ENTRY_COLUMNS, type EntryColumns, rowFrom } from '../../src/audit/entry-columns.js';
import { VerifyChain } from '../../src/audit/verify-chain.js';
import { Transactions } from '../../src/persistence/transactions.js';
import { type FreshDatabase, freshDatabase, inDatabase } from '../support/database.js';
import { auditedCloud } from './audited-cloud.js';

let database: FreshDatabase;
let cloud: TestingModule;

const transactions = () => cloud.get(Transactions);
const verify = () => cloud.get(VerifyChain).execute();
const seal = () => cloud.get(AuditSealer).sealAll();

async function record(count: number, node = cloud): Promise<void> {
  for (let at = 0; at < count; at++) {
    await node.get(Transactions).run(() => node.get(AuditTrail).record({ action: 'test.done', object: `n:${at}` }));
  }
}

/** As somebody who owns the database and stops at nothing. */
function tamper(...statements: string[]): Promise<void> {
  const triggers = (what: string) =>
    ['audit_entry', 'audit_link'].map((table) => `alter table federation.${table} ${what} trigger append_only`);
  return inDatabase(database.url, ...triggers('disable'), ...statements, ...triggers('enable always'));
}

async function entryAt(position: number): Promise<string> {
  const [row] = await transactions().query<{ entry_id: string }>(
    'select entry_id from federation.audit_link where position = $1',
    [position],
  );
  return row?.entry_id ?? '';
}

describe('sealing', () => {
  beforeAll(async () => {
    database = await freshDatabase();
    cloud = await auditedCloud(database.url);
  });

  afterAll(async () => {
    await cloud.close();
    await database.drop();
  });

  it('calls a chain without links intact', async () => {
    expect(await verify()).toMatchObject({ verdict: 'intact', length: 0, unsealed: 0 });
  });

  it('counts what is not sealed yet', async () => {
    await record(3);
    expect(await verify()).toMatchObject({ verdict: 'intact', length: 0, unsealed: 3 });
    expect(await seal()).toBe(3);
    expect(await verify()).toMatchObject({ verdict: 'intact', length: 3, unsealed: 0 });
  });

  it('seals an entry whose transaction was open later, without waiting for it', async () => {
    const signals = new EventEmitter();
    const recorded = once(signals, 'recorded');
    const slow = transactions().run(async () => {
      await cloud.get(AuditTrail).record({ action: 'test.slow', object: 'n:slow' });
      const go = once(signals, 'commit');
      signals.emit('recorded');
      await go;
    });
    await recorded;
    await record(2);
    expect(await seal()).toBe(2);
    signals.emit('commit');
    await slow;
    expect(await seal()).toBe(1);
    expect(await verify()).toMatchObject({ verdict: 'intact', length: 6, unsealed: 0 });
  });

  it('goes beyond one batch', async () => {
    await transactions().run(() => record(2_001));
    expect(await seal()).toBe(2_001);
    expect(await verify()).toMatchObject({ verdict: 'intact', length: 2_007, unsealed: 0 });
  });
});

describe('several nodes', () => {
  const nodes: TestingModule[] = [];

  beforeAll(async () => {
    database = await freshDatabase();
    for (let at = 0; at < 2; at++) nodes.push(await (await auditedCloud(database.url)).init());
    cloud = nodes[0] as TestingModule;
  });

  afterAll(() => database.drop());

  it('write and seal at once, miss nothing and never fork', async () => {
    const writers = Array.from({ length: 8 }, (_, at) => record(60, nodes[at % 2]));
    const verdicts: unknown[] = [];
    const sealers = nodes.map(async (node) => {
      for (let at = 0; at < 40; at++) await node.get(AuditSealer).sealAll();
    });
    const verifier = (async () => {
      for (let at = 0; at < 20; at++) verdicts.push((await verify()).verdict);
    })();
    await Promise.all([...writers, ...sealers, verifier]);
    expect(new Set(verdicts)).toEqual(new Set(['intact']));
    await expect.poll(verify, { timeout: 2_000 }).toMatchObject({ verdict: 'intact', length: 480, unsealed: 0 });
  });

  it('seal by themselves within a second of the commit', async () => {
    await record(1);
    await pause(1_000);
    expect(await verify()).toMatchObject({ verdict: 'intact', length: 481, unsealed: 0 });
  });

  it('go on sealing after the database failed them', async () => {
    const failing = vi.spyOn(cloud.get(Transactions), 'query').mockRejectedValue(new Error('away'));
    const other = vi.spyOn((nodes[1] as TestingModule).get(Transactions), 'query').mockRejectedValue(new Error('away'));
    await pause(700);
    failing.mockRestore();
    other.mockRestore();
    await record(1);
    await expect.poll(verify, { timeout: 3_000 }).toMatchObject({ verdict: 'intact', length: 482, unsealed: 0 });
  });

  it('seal what is left when they stop', async () => {
    await record(5);
    await nodes[0]?.close();
    cloud = nodes[1] as TestingModule;
    expect(await verify()).toMatchObject({ verdict: 'intact', length: 487, unsealed: 0 });
    await nodes[1]?.close();
  });
});

describe('a chain that somebody was at', () => {
  beforeEach(async () => {
    database = await freshDatabase();
    cloud = await auditedCloud(database.url);
    await record(9);
    await seal();
  });

  afterEach(async () => {
    await cloud.close();
    await database.drop();
  });

  it.each([
    ['action', `'x.y'`],
    ['at', `at + interval '1 microsecond'`],
    ['actor', `'somebody else'`],
    ['outcome', `'refused'`],
    ['peer', `''`],
    ['details', `'{"n": 1}'`],
    ['row_hash', `'x'`],
  ])('names the first row whose %s was altered', async (column, value) => {
    const [fourth, sixth] = [await entryAt(4), await entryAt(6)];
    await tamper(`update federation.audit_entry set ${column} = ${value} where id in ('${fourth}', '${sixth}')`);
    expect(await verify()).toEqual({ verdict: 'broken', position: 4, entryId: fourth, problem: 'row-altered' });
  });

  it.each([4, 9])('names a row that was altered together with its hash (%i)', async (position) => {
    const id = await entryAt(position);
    await tamper(`update federation.audit_entry set action = 'x.y' where id = '${id}'`);
    const [columns] = await transactions().query<EntryColumns>(
      `select ${ENTRY_COLUMNS} from federation.audit_entry e where id = $1`,
      [id],
    );
    const hash = columns ? hashOfRow(rowFrom(columns)) : '';
    await tamper(`update federation.audit_entry set row_hash = '${hash}' where id = '${id}'`);
    expect(await verify()).toEqual({ verdict: 'broken', position, entryId: id, problem: 'row-altered' });
  });

  it.each([1, 5, 9])('names a row that was deleted (%i)', async (position) => {
    const id = await entryAt(position);
    await tamper(`delete from federation.audit_entry where id = '${id}'`);
    expect(await verify()).toEqual({ verdict: 'broken', position, entryId: id, problem: 'row-missing' });
  });

  it.each([1, 5, 9])('names a link that was altered (%i)', async (position) => {
    const id = await entryAt(position);
    await tamper(`update federation.audit_link set hash = 'x' where position = ${position}`);
    expect(await verify()).toEqual({ verdict: 'broken', position, entryId: id, problem: 'link-altered' });
  });

  it.each([1, 5, 9])('names a link that is gone (%i)', async (position) => {
    await tamper(`delete from federation.audit_link where position = ${position}`);
    expect(await verify()).toMatchObject({ verdict: 'broken', position, problem: 'gap' });
  });

  it.each([
    [4, 5],
    [2, 8],
  ])('names the first of two rows that changed places (%i and %i), with their links or without', async (a, b) => {
    const id = await entryAt(b);
    const swap = (column: string, offset: string) =>
      `update federation.audit_link set ${column} = case position when ${a} then ${b} when ${b} then ${a} end ${offset} where position in (${a}, ${b})`;
    await tamper(
      swap('position', '+ 1000'),
      `update federation.audit_link set position = position - 1000 where position > 1000`,
    );
    expect(await verify()).toEqual({ verdict: 'broken', position: a, entryId: id, problem: 'order' });
    await tamper(
      `update federation.audit_link x set hash = y.hash from federation.audit_link y
       where (x.position, y.position) in ((${a}, ${b}), (${b}, ${a}))`,
    );
    expect(await verify()).toEqual({ verdict: 'broken', position: a, entryId: id, problem: 'order' });
  });

  it('shows that rows were cut off its end', async () => {
    await tamper(
      `delete from federation.audit_entry where id in (select entry_id from federation.audit_link where position > 6)`,
      `delete from federation.audit_link where position > 6`,
    );
    expect(await verify()).toEqual({ verdict: 'broken', position: 7, entryId: null, problem: 'gap' });
  });

  it('shows that its end was cut off and what vouched for it forged', async () => {
    await tamper(
      `delete from federation.audit_entry where id in (select entry_id from federation.audit_link where position > 6)`,
      `delete from federation.audit_link where position > 6`,
      `update federation.audit_head h set position = 6, hash = l.hash from federation.audit_link l where l.position = 6`,
    );
    expect(await verify()).toMatchObject({ verdict: 'broken', position: 6, problem: 'link-altered' });
  });

  it('does not heal when more is sealed', async () => {
    await tamper(
      `delete from federation.audit_entry where id in (select entry_id from federation.audit_link where position > 6)`,
      `delete from federation.audit_link where position > 6`,
      `delete from federation.audit_head`,
    );
    expect(await verify()).toMatchObject({ verdict: 'broken', position: 6, problem: 'link-altered' });
    await record(20);
    await seal();
    expect(await verify()).toEqual({ verdict: 'broken', position: 7, entryId: null, problem: 'gap' });
  });

  it.each([
    ['links', ['audit_link'], 'gap'],
    ['entries', ['audit_entry'], 'row-missing'],
    ['links and entries', ['audit_link', 'audit_entry'], 'gap'],
  ])('shows that all %s are gone', async (_, tables, problem) => {
    await tamper(...tables.map((table) => `truncate federation.${table}`));
    expect(await verify()).toMatchObject({ verdict: 'broken', position: 1, problem });
  });

  it('shows an entry that was kept from being sealed', async () => {
    await record(1);
    await tamper(`delete from federation.audit_pending`);
    expect(await verify()).toMatchObject({
      verdict: 'broken',
      position: 10,
      problem: 'gap',
      entryId: expect.any(String),
    });
  });

  it('shows an entry that was deleted before it was sealed, and seals the others', async () => {
    await record(3);
    const [lost] = await transactions().query<{ entry_id: string }>(
      'select entry_id from federation.audit_pending order by position limit 1',
    );
    await tamper(`delete from federation.audit_entry where id = '${lost?.entry_id}'`);
    expect(await seal()).toBe(2);
    expect(await verify()).toEqual({
      verdict: 'broken',
      position: 12,
      entryId: lost?.entry_id,
      problem: 'row-missing',
    });
  });
});
