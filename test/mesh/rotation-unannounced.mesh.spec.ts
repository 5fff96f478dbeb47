import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RefusalCounter } from '../../src/audit/refusal-counter.js';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { JudgedCopies } from '../../src/trust/judged-copies.js';
import { eventually, TestCloud } from '../support/cloud.js';
import type { HostilePeer } from '../support/hostile-peer.js';
import { forgetAll, hostileAt, pinOf, stopAll, trusted } from '../trust/mesh.js';
import { rawExchange, requestText, withoutMoment } from '../trust/raw.js';
import { alertsOf, announce, anotherKey, auditOf, keysOf, ping } from '../trust/rotation.js';

const KIND = 'peer-key-unannounced';

describe('a known peer that shows a key nobody announced', () => {
  let cloud: TestCloud;
  let peer: HostilePeer;
  let neighbour: HostilePeer;
  let next: IssuedCertificate;
  let relationship: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [cloud, peer, neighbour] = await Promise.all([
      TestCloud.start({ name: 'a', authority }),
      hostileAt('b.localhost', authority),
      hostileAt('b.localhost', authority),
    ]);
  });
  afterAll(() => stopAll(cloud, peer, neighbour));
  beforeEach(async () => {
    await cloud.rows('delete from federation.alert');
    await forgetAll(cloud);
    cloud.get(JudgedCopies).dropAll();
    relationship = (await trusted(cloud, peer)).id;
    next = await anotherKey(peer);
  });

  const shown = async (as = next, id = relationship) => {
    expect(await ping(peer, cloud, as)).toBe(401);
    return eventually('it is kept', async () => (await keysOf(cloud, id)).presented ?? undefined);
  };
  const reapprove = (body: object, id = relationship) => cloud.api('POST', `/admin/services/${id}/reapprove`, body);
  const conflict = { status: 409, json: { message: 'STATE_CONFLICT' } };

  it('is answered like any stranger, and nothing of what we know is overwritten', async () => {
    const text = requestText(cloud.origin, 'POST', '/federation/ping');
    const stranger = await makeSelfSignedCertificate('nobody.localhost');
    const [known, unknown] = await Promise.all([next, stranger].map((as) => rawExchange(cloud.origin, text, as)));
    expect(withoutMoment(known ?? '')).toBe(withoutMoment(unknown ?? ''));
    expect(known).toMatch(/^HTTP\/1\.1 401 [\s\S]*\{"message":"CLIENT_NOT_AUTHENTICATED"\}$/);
    expect(await keysOf(cloud, relationship)).toMatchObject({ fingerprint: pinOf(peer.credential), announced: null });
    expect(await ping(peer, cloud)).toBe(200);
    await cloud.get(RefusalCounter).flush();
    const [row] = await cloud.rows<{ n: number }>(
      `select sum(count)::int as n from federation.audit_refusal where reason = 'key-unannounced'`,
    );
    expect(row?.n).toBeGreaterThanOrEqual(1);
  });

  it('is an alert with both fingerprints, which says that it proves nothing', async () => {
    const presented = await shown();
    expect(presented).toEqual({
      fingerprint: pinOf(next),
      certificate: `${next.certificate.trim()}\n`,
      at: expect.stringMatching(/Z$/),
      network: '127.0.0.1/32',
    });
    const alerts = await alertsOf(cloud, KIND);
    expect(alerts).toEqual([
      expect.objectContaining({ subject: `service:${relationship}`, peer: relationship, level: 'critical' }),
    ]);
    expect(alerts[0]?.details).toMatchObject({
      known: pinOf(peer.credential),
      presented: pinOf(next),
      network: '127.0.0.1/32',
      mayBe: peer.origin,
      advice: expect.stringMatching(/proves nothing.*telephone/),
    });
  });

  it('makes us write once in a minute, however often and with whatever keys it calls', async () => {
    await shown();
    for (let nth = 0; nth < 5; nth++) await ping(peer, cloud, await anotherKey(peer));
    await Promise.all(Array.from({ length: 10 }, () => ping(peer, cloud, next)));
    expect((await keysOf(cloud, relationship)).presented?.fingerprint).toBe(pinOf(next));
    expect((await alertsOf(cloud, KIND)).map(({ times }) => times)).toEqual([1]);
    expect(await cloud.rows('select 1 from federation.presented_key')).toHaveLength(1);
  });

  it.each<[string, () => Promise<IssuedCertificate>]>([
    ['has expired', () => makeSelfSignedCertificate('b.localhost', { days: -1 })],
    ['names a host below', () => makeSelfSignedCertificate('x.b.localhost')],
    ['names the peer only in its common name', () => makeSelfSignedCertificate('b.localhost', { san: [] })],
    [
      'names another as well',
      () =>
        makeSelfSignedCertificate('b.localhost', {
          san: ['b.localhost', 'c.localhost'].map((value) => ({ type: 'dns' as const, value })),
        }),
    ],
  ])('is no news if its certificate %s', async (_, make) => {
    expect(await ping(peer, cloud, await make())).toBe(401);
    await cloud.get(RefusalCounter).flush();
    expect((await keysOf(cloud, relationship)).presented).toBeNull();
    expect(await alertsOf(cloud, KIND)).toEqual([]);
  });

  it('names both where two peers live on one host', async () => {
    const second = (await trusted(cloud, neighbour)).id;
    await shown();
    await shown(next, second);
    const alerts = await alertsOf(cloud, KIND);
    expect(alerts.map(({ peer: id }) => id).sort()).toEqual([relationship, second].sort());
    for (const { details } of alerts) {
      expect(details.mayBe?.split(' ').sort()).toEqual([peer.origin, neighbour.origin].sort());
    }
    // Whose it is the operators know: the other one keeps its key.
    expect((await reapprove({ fingerprint: pinOf(next) }, second)).status).toBe(200);
    expect(await ping(peer, cloud, next)).toBe(200);
    expect(await ping(peer, cloud)).toBe(200);
    expect(await keysOf(cloud, second)).toMatchObject({ fingerprint: pinOf(next), presented: null });
  });

  it('is let in once our operator has re-approved it, and its old key is not', async () => {
    await shown();
    const answer = await reapprove({ fingerprint: pinOf(next) });
    expect(answer).toMatchObject({
      status: 200,
      json: { state: 'TRUSTED', fingerprint: pinOf(next), presented: null },
    });
    expect([await ping(peer, cloud, next), await ping(peer, cloud)]).toEqual([200, 401]);
    expect(await alertsOf(cloud, KIND)).toEqual([]);
    expect((await auditOf(cloud, 'trust.reapproved')).at(-1)).toEqual({
      before: pinOf(peer.credential),
      fingerprint: pinOf(next),
    });
  });

  it('can announce no more under the key that it lost', async () => {
    await announce(peer, cloud, (await anotherKey(peer)).certificate);
    await shown();
    await reapprove({ fingerprint: pinOf(next) });
    expect((await announce(peer, cloud, (await anotherKey(peer)).certificate)).status).toBe(401);
    expect(await cloud.rows('select pin, role from federation.relationship_key')).toEqual([
      { pin: pinOf(next), role: 'current' },
    ]);
  });

  it('is re-approved only by its own fingerprint, which is always asked for', async () => {
    await shown();
    expect(await reapprove({ fingerprint: pinOf(await anotherKey(peer)) })).toMatchObject(conflict);
    expect(await reapprove({})).toMatchObject({ status: 400 });
    expect(await ping(peer, cloud, next)).toBe(401);
    expect(await ping(peer, cloud)).toBe(200);
  });

  it('is re-approved by a certificate that its operator sent, whatever strangers show meanwhile', async () => {
    await shown(await anotherKey(peer));
    const { certificate } = next;
    expect(await reapprove({ fingerprint: pinOf(peer.credential), certificate })).toMatchObject(conflict);
    expect((await reapprove({ fingerprint: pinOf(next), certificate })).status).toBe(200);
    expect(await ping(peer, cloud, next)).toBe(200);
  });

  it.each<[string, () => Promise<object>, object]>([
    ['nothing was shown', async () => ({ fingerprint: pinOf(next) }), conflict],
    [
      'it is the key that it has',
      async () => ({ fingerprint: pinOf(peer.credential), certificate: peer.credential.certificate }),
      conflict,
    ],
    [
      'it is for another host',
      async () => {
        const { certificate, privateKey } = await makeSelfSignedCertificate('c.localhost');
        return { fingerprint: pinOf({ certificate, privateKey }), certificate };
      },
      { status: 400 },
    ],
    [
      'it has expired',
      async () => {
        const issued = await makeSelfSignedCertificate('b.localhost', { days: -1 });
        return { fingerprint: pinOf(issued), certificate: issued.certificate };
      },
      { status: 400 },
    ],
    [
      'it is another peer’s',
      async () => {
        await trusted(cloud, neighbour);
        return { fingerprint: pinOf(neighbour.credential), certificate: neighbour.credential.certificate };
      },
      conflict,
    ],
  ])('is not re-approved if %s', async (_, body, expected) => {
    expect(await reapprove(await body())).toMatchObject(expected);
    expect(await ping(peer, cloud)).toBe(200);
  });

  it('is forgotten with its alert when trust ends', async () => {
    await shown();
    await cloud.api('DELETE', `/admin/services/${relationship}`);
    expect(await alertsOf(cloud, KIND)).toEqual([]);
    expect(await cloud.rows('select 1 from federation.presented_key')).toEqual([]);
    expect(await reapprove({ fingerprint: pinOf(next), certificate: next.certificate })).toMatchObject(conflict);
    expect(await reapprove({ fingerprint: pinOf(next) }, 'no-such-service')).toMatchObject({ status: 404 });
  });
});
