import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfStale } from '../../scripts/support/build.mjs';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, freePort } from '../support/cloud.js';
import { CloudProcess } from '../support/cloud-process.js';
import { freshDatabase } from '../support/database.js';

const SHARES = 40;

describe('two processes, one of them killed', () => {
  let folder: string;
  let one: CloudProcess;
  let two: CloudProcess;
  const databases: Awaited<ReturnType<typeof freshDatabase>>[] = [];

  beforeAll(async () => {
    expect(await buildIfStale()).toMatchObject({ ok: true });
    folder = mkdtempSync(path.join(os.tmpdir(), 'entente-crash-'));
    databases.push(await freshDatabase(), await freshDatabase());
    const authority = await CertificateAuthority.create('Test CA');
    const [first, second] = databases;
    one = new CloudProcess('cloud1', await freePort(), folder, first?.url ?? '', authority);
    two = new CloudProcess('cloud2', await freePort(), folder, second?.url ?? '', authority);
    await Promise.all([one.start(), two.start()]);
  }, 90_000);

  afterAll(async () => {
    await Promise.all([one?.stop(), two?.stop()]);
    await Promise.all(databases.map((database) => database.drop()));
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps every share that was acknowledged, and delivers each once', async () => {
    await one.json('POST', '/admin/services', { url: two.origin });
    const invited = await eventually('cloud 2 is asked', async () => {
      const { items } = await two.json<{ items: { id: string; state: string }[] }>('GET', '/admin/services');
      return items.find(({ state }) => state === 'INVITED');
    });
    await two.json('POST', `/admin/services/${invited.id}/accept`);
    for (const cloud of [one, two]) {
      await eventually('trust', async () => {
        const { items } = await cloud.json<{ items: { state: string }[] }>('GET', '/admin/services');
        return items.some(({ state }) => state === 'TRUSTED');
      });
    }
    await one.json('POST', '/api/v1/accounts', { username: `alice@${one.host}`, displayName: 'Alice' });
    await two.json('POST', '/api/v1/accounts', { username: `bob@${two.host}`, displayName: 'Bob' });
    mkdirSync(path.join(folder, 'cloud1/resources', `alice@${one.host}`, 'notes'), { recursive: true });

    const acknowledged: string[] = [];
    const offer = async () => {
      const share = await one.json<{ shareId: string }>('POST', '/api/v1/shares/outgoing', {
        owner: `alice@${one.host}`,
        shareWith: `bob@${two.host}`,
        name: 'Notes',
        resourceId: 'notes',
        permission: 'read',
      });
      acknowledged.push(share.shareId);
      if (acknowledged.length === SHARES / 2) await one.killed();
    };
    const outcomes = await Promise.allSettled(Array.from({ length: SHARES }, offer));
    expect(acknowledged.length).toBeGreaterThanOrEqual(SHARES / 2);
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    await two.killed();
    await Promise.all([one.start(), two.start()]);
    await one.letTimePass();

    await eventually(
      'everything is delivered',
      async () => {
        const [waiting] = await one.rows<{ count: string }>(
          `select count(*) from federation.delivery where state = 'waiting'`,
        );
        return waiting?.count === '0';
      },
      20_000,
    );
    const sent = await one.rows<{ share_id: string }>(
      `select share_id from federation.outgoing_share where state = 'pending' order by share_id`,
    );
    const received = await two.rows<{ share_id: string }>(
      `select share_id from federation.incoming_share where state = 'pending' order by share_id`,
    );
    expect(received).toEqual(sent);
    expect(sent.map(({ share_id }) => share_id)).toEqual(expect.arrayContaining(acknowledged));
    for (const cloud of [one, two]) {
      expect(await cloud.json('GET', '/admin/audit/verify')).toMatchObject({ verdict: 'intact' });
    }
  }, 60_000);

  it('stops with exit code 0 when it is asked to', async () => {
    expect(await one.stop()).toBe('it ended with code 0');
    expect(await two.stop()).toBe('it ended with code 0');
    expect(await one.rows(`select id from federation.delivery where lease_until > now()`)).toEqual([]);
  }, 40_000);
});
