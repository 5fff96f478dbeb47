import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunningFederation } from '../../src/operations/server.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, TestCloud } from '../support/cloud.js';
import { type HostilePeer, keepAliveAgent } from '../support/hostile-peer.js';
import { forgetAll, hostileAt, stopAll, trusted } from '../trust/mesh.js';

const PING = { method: 'POST', path: '/federation/ping' };

describe('a change of trust on one node', () => {
  let cloud: TestCloud;
  let second: RunningFederation;
  let peer: HostilePeer;
  let id: string;
  let there: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [cloud, peer] = await Promise.all([TestCloud.start({ name: 'a', authority }), hostileAt('b.localhost', authority)]);
    second = await cloud.anotherNode();
    there = `https://${cloud.host}:${second.describe().ports.public}`;
  });
  afterAll(async () => {
    await second?.stop();
    await stopAll(cloud, peer);
  });
  beforeEach(async () => {
    await forgetAll(cloud);
    id = (await trusted(cloud, peer)).id;
    // A copy of the relationship before may live for a second.
    await eventually('the other node knows', async () => {
      return (await peer.call(there, { ...PING, headers: headers() })).status === 200;
    });
  });

  const headers = () => ({ host: new URL(cloud.origin).host });

  /** Calls the other node on one connection until it no longer says 200. @returns the answer, and how long it took from `since` */
  async function refusedThere(since: () => Promise<unknown>) {
    const agent = keepAliveAgent();
    const ask = () => peer.call(there, { ...PING, headers: headers(), agent });
    const before = await ask();
    expect(before.status).toBe(200);
    await since();
    const start = performance.now();
    let answer = await ask();
    while (answer.status === 200 && performance.now() - start < 5_000) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      answer = await ask();
    }
    agent.destroy();
    expect(answer.clientPort).toBe(before.clientPort);
    return { answer, ms: performance.now() - start };
  }

  it('ends what the other lets in within a second, on a connection that was open before', async () => {
    const { answer, ms } = await refusedThere(() => cloud.api('DELETE', `/admin/services/${id}`));
    expect(answer).toMatchObject({ status: 401, headers: { connection: 'close' } });
    expect(ms).toBeLessThan(1_100);
  });

  it('suspends the peer there as well', async () => {
    const { answer, ms } = await refusedThere(() =>
      cloud.rows(`update federation.relationship set state = 'SUSPENDED' where id = $1`, id),
    );
    expect(answer).toMatchObject({ status: 403, json: { message: 'SUSPENDED' } });
    expect(ms).toBeLessThan(1_100);
  });

  it.each<[string, string]>([
    ['pin of its own', `update federation.relationship set pin = 'sha256:other' where id = $1`],
    ['row', 'delete from federation.relationship where id = $1'],
  ])('lets nobody in without a %s', async (_, sql) => {
    const { answer, ms } = await refusedThere(() => cloud.rows(sql, id));
    expect(answer.status).toBe(401);
    expect(ms).toBeLessThan(1_100);
    expect((await peer.call(cloud.origin, PING)).status).toBe(401);
  });

  it('leaves nobody trusted without a pin: the database refuses', async () => {
    const without = cloud.rows('update federation.relationship set pin = null where id = $1', id);
    await expect(without).rejects.toMatchObject({ code: '23514' });
  });

  it('is not undone by anything that was read before', async () => {
    const statuses = new Set<number>();
    let isOver = false;
    const callers = Array.from({ length: 4 }, async () => {
      const agent = keepAliveAgent();
      while (!isOver) {
        const { status } = await peer.call(there, { ...PING, headers: headers(), agent });
        statuses.add(status);
      }
      agent.destroy();
    });
    await cloud.api('DELETE', `/admin/services/${id}`);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    statuses.clear();
    await new Promise((resolve) => setTimeout(resolve, 300));
    isOver = true;
    await Promise.all(callers);
    expect([...statuses]).toEqual([401]);
  });
});
