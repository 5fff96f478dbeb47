import type { TestingModule } from '@nestjs/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Alerts, type Raised } from '../../src/audit/alerts.js';
import { SearchEntries } from '../../src/audit/search-entries.js';
import { NotFound } from '../../src/kernel/federation-error.js';
import { runInContext } from '../../src/kernel/request-context.js';
import { parseCursor } from '../../src/persistence/keyset.js';
import { Transactions } from '../../src/persistence/transactions.js';
import { type FreshDatabase, freshDatabase, inDatabase } from '../support/database.js';
import { auditedCloud } from './audited-cloud.js';

let database: FreshDatabase;
let cloud: TestingModule;
let alerts: Alerts;

beforeAll(async () => {
  database = await freshDatabase();
  cloud = await auditedCloud(database.url);
  alerts = cloud.get(Alerts);
});

afterAll(async () => {
  await cloud.close();
  await database.drop();
});

beforeEach(() => inDatabase(database.url, 'delete from federation.alert'));

const ENDING: Raised = {
  kind: 'certificate-ending',
  subject: 'service:s1',
  peer: 's1',
  level: 'warning',
  stage: '30',
  details: { days: 30 },
};

const audited = async (action: string) =>
  (await cloud.get(SearchEntries).execute({ action, object: 'service:s1' })).items.length;

describe('what an operator has to look at', () => {
  it('is one open row, however often it is raised, and one entry in the trail', async () => {
    const before = await audited('alert.raised');
    await alerts.raise(ENDING);
    await alerts.raise({ ...ENDING, details: { days: 29 } });
    const { items } = await alerts.list(true);
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({
      kind: 'certificate-ending',
      peer: 's1',
      times: 2,
      details: { days: 29 },
      settledAt: null,
    });
    expect(await audited('alert.raised')).toBe(before + 1);
  });

  it('is told again when it has come closer', async () => {
    const before = await audited('alert.raised');
    await alerts.raise(ENDING);
    await alerts.raise({ ...ENDING, stage: '14', level: 'critical' });
    expect((await alerts.list(true)).items).toMatchObject([{ level: 'critical', times: 2 }]);
    expect(await audited('alert.raised')).toBe(before + 2);
  });

  it('is one row also if many raise it at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => alerts.raise(ENDING)));
    expect((await alerts.list()).items).toMatchObject([{ times: 20 }]);
  });

  it('is not there if the act that raised it is not', async () => {
    const failing = cloud.get(Transactions).run(async () => {
      await alerts.raise(ENDING);
      throw new Error('the act failed');
    });
    await expect(failing).rejects.toThrow('the act failed');
    expect((await alerts.list()).items).toEqual([]);
  });

  it('is settled when it is over, and opened anew when it happens again', async () => {
    await alerts.raise(ENDING);
    await alerts.settle('certificate-ending', 'service:s1');
    await alerts.settle('certificate-ending', 'service:s1');
    expect((await alerts.list(true)).items).toEqual([]);
    await alerts.raise(ENDING);
    expect((await alerts.list()).items).toMatchObject([
      { settledAt: null, times: 1 },
      { settledAt: expect.stringMatching(/Z$/), settledBy: 'system' },
    ]);
  });

  it('ends with the relationship that it is about', async () => {
    await alerts.raise(ENDING);
    await alerts.raise({ ...ENDING, kind: 'peer-key-unannounced' });
    await alerts.raise({ ...ENDING, subject: 'service:s2', peer: 's2' });
    await alerts.settleAllOf('s1');
    expect((await alerts.list(true)).items).toMatchObject([{ subject: 'service:s2' }]);
  });

  it('is settled by an operator, whose name stays with it', async () => {
    await alerts.raise(ENDING);
    const [open] = (await alerts.list()).items;
    const settle = () =>
      runInContext({ requestId: 'req-1', actor: { kind: 'operator', id: 'token-1' } }, () =>
        alerts.settleById(open?.id ?? ''),
      );
    expect(await settle()).toMatchObject({ id: open?.id, settledBy: 'token-1' });
    const { settledAt } = await settle();
    expect(settledAt).toBe((await alerts.list()).items[0]?.settledAt);
    await expect(alerts.settleById('nothing')).rejects.toBeInstanceOf(NotFound);
    await expect(alerts.settleById('a\0b')).rejects.toBeInstanceOf(NotFound);
  });

  it('comes in pages, newest first', async () => {
    for (const subject of ['a', 'b', 'c']) await alerts.raise({ ...ENDING, subject });
    const first = await alerts.list(true, undefined, 2);
    expect(first.items.map(({ subject }) => subject)).toEqual(['c', 'b']);
    const second = await alerts.list(true, parseCursor(first.next ?? ''), 2);
    expect(second.items.map(({ subject }) => subject)).toEqual(['a']);
    expect(second.next).toBeNull();
  });

  it('is forgotten ninety days after it was settled', async () => {
    await alerts.raise(ENDING);
    await alerts.settle(ENDING.kind, ENDING.subject);
    await inDatabase(database.url, `update federation.alert set settled_at = now() - interval '91 days'`);
    await alerts.settle('anything', 'at all');
    expect((await alerts.list()).items).toEqual([]);
  });
});
