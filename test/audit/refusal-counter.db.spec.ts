import type { TestingModule } from '@nestjs/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_KEYS, MAX_ROWS, RefusalCounter } from '../../src/audit/refusal-counter.js';
import { Transactions } from '../../src/persistence/transactions.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { auditedCloud } from './audited-cloud.js';

let database: FreshDatabase;
let cloud: TestingModule;
let counter: RefusalCounter;

beforeAll(async () => {
  database = await freshDatabase();
  cloud = await auditedCloud(database.url);
});

beforeEach(async () => {
  await cloud.get(Transactions).query('truncate federation.audit_refusal');
  counter = new RefusalCounter(cloud.get(Transactions));
});

afterAll(async () => {
  await cloud.close();
  await database.drop();
});

const query = <Row>(sql: string, parameters: unknown[] = []) => cloud.get(Transactions).query<Row>(sql, parameters);
const address = (at: number) => `10.${Math.floor(at / 256)}.${at % 256}.1`;

async function table(): Promise<{ rows: number; total: number }> {
  const [row] = await query<{ rows: string; total: string }>(
    'select count(*) as rows, coalesce(sum(count), 0) as total from federation.audit_refusal',
  );
  return { rows: Number(row?.rows), total: Number(row?.total) };
}

/** Fills the table with networks of that hour, counted five times each. */
async function fill(rows: number, hour: string): Promise<void> {
  await query(
    `insert into federation.audit_refusal select 'unknown', 'n' || n, date_trunc('hour', now()) + $2::interval, 5
     from generate_series(1, $1::int) n`,
    [rows, hour],
  );
}

describe('counting refusals', () => {
  it('adds up by reason, network and hour', async () => {
    for (const from of ['192.0.2.1', '192.0.2.2', '198.51.100.1']) counter.count('unknown', from);
    counter.count('expired', '192.0.2.1');
    await counter.flush();
    counter.count('unknown', '192.0.2.3');
    await counter.flush();
    const rows = await query('select reason, network, count::int from federation.audit_refusal order by 1, 2');
    expect(rows).toEqual([
      { reason: 'expired', network: '192.0.2.0/24', count: 1 },
      { reason: 'unknown', network: '192.0.2.0/24', count: 3 },
      { reason: 'unknown', network: '198.51.100.0/24', count: 1 },
    ]);
  });

  it('keeps the counts when the database is away, and tells nobody twice', async () => {
    const run = vi.spyOn(cloud.get(Transactions), 'run').mockRejectedValueOnce(new Error('away'));
    counter.count('unknown', '192.0.2.1');
    await counter.flush();
    counter.count('unknown', '192.0.2.1');
    await counter.flush();
    await counter.flush();
    run.mockRestore();
    expect(await table()).toEqual({ rows: 1, total: 2 });
  });

  it('holds a bounded number of networks between two flushes', async () => {
    for (let at = 0; at < MAX_KEYS + 500; at++) counter.count('unknown', address(at));
    await counter.flush();
    expect(await table()).toEqual({ rows: MAX_KEYS + 1, total: MAX_KEYS + 500 });
    expect(await query(`select count::int from federation.audit_refusal where network = '*'`)).toEqual([
      { count: 500 },
    ]);
  });

  it('writes up to its limit of rows as they are', async () => {
    await fill(MAX_ROWS - 1, '0');
    counter.count('unknown', '192.0.2.1');
    await counter.flush();
    expect(await table()).toEqual({ rows: MAX_ROWS, total: (MAX_ROWS - 1) * 5 + 1 });
    expect(await query(`select 1 from federation.audit_refusal where network = '*'`)).toEqual([]);
  });

  it('adds the rarest networks up beyond its limit, and loses no count of the hour', async () => {
    await fill(MAX_ROWS, '0');
    counter.count('unknown', '192.0.2.1');
    await counter.flush();
    const after = await table();
    expect(after.rows).toBeLessThanOrEqual(MAX_ROWS);
    expect(after.rows).toBeGreaterThan(MAX_ROWS - 200);
    expect(after.total).toBe(MAX_ROWS * 5 + 1);
    expect(await query(`select 1 from federation.audit_refusal where network = '192.0.2.0/24'`)).toEqual([]);
  });

  it('forgets the oldest hours first', async () => {
    await fill(MAX_ROWS - 300, '-1 hour');
    await fill(300, '-2 hours');
    counter.count('unknown', '192.0.2.1');
    await counter.flush();
    expect((await table()).rows).toBeLessThanOrEqual(MAX_ROWS);
    expect(await query(`select network from federation.audit_refusal where hour = date_trunc('hour', now())`)).toEqual([
      { network: '192.0.2.0/24' },
    ]);
    const [hours] = await query<{ older: string; old: string }>(
      `select count(*) filter (where hour = date_trunc('hour', now()) - interval '2 hours') as older,
        count(*) filter (where hour = date_trunc('hour', now()) - interval '1 hour') as old from federation.audit_refusal`,
    );
    expect(Number(hours?.older)).toBeLessThan(300);
    expect(Number(hours?.old)).toBe(MAX_ROWS - 300);
  });

  it('stays within its limit when two nodes write at once', async () => {
    await fill(MAX_ROWS - 1, '0');
    const nodes = [counter, new RefusalCounter(cloud.get(Transactions))];
    nodes.forEach((node, n) => {
      for (let at = 0; at < 900; at++) node.count('unknown', address(n * 1_000 + at));
    });
    await Promise.all(nodes.map((node) => node.flush()));
    expect((await table()).rows).toBeLessThanOrEqual(MAX_ROWS);
    expect((await table()).total).toBe((MAX_ROWS - 1) * 5 + 1_800);
  });
});
