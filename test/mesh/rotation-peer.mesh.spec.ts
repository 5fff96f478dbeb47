import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { JudgedCopies } from '../../src/trust/judged-copies.js';
import { OwnIdentity } from '../../src/trust/own-identity.js';
import { TestCloud } from '../support/cloud.js';
import { call, type HostilePeer, keepAliveAgent } from '../support/hostile-peer.js';
import { forgetAll, hostileAt, pinOf, service, stopAll, trusted } from '../trust/mesh.js';
import { announce, anotherKey, auditOf, inDays, keysOf, ping } from '../trust/rotation.js';

const HOST = 'b.localhost';

describe('a peer that changes its key', () => {
  let cloud: TestCloud;
  let peer: HostilePeer;
  let other: HostilePeer;
  let relationship: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [cloud, peer, other] = await Promise.all([
      TestCloud.start({ name: 'a', authority }),
      hostileAt(HOST, authority),
      hostileAt('c.localhost', authority),
    ]);
  });
  afterAll(() => stopAll(cloud, peer, other));
  const meet = async () => {
    await forgetAll(cloud);
    cloud.get(JudgedCopies).dropAll();
    relationship = (await trusted(cloud, peer)).id;
  };
  /** As if so much time had passed since. */
  const age = async (interval: string) => {
    await cloud.rows(
      `update federation.relationship_key
       set switch_by = switch_by - $1::interval, valid_until = valid_until - $1::interval`,
      interval,
    );
    cloud.get(JudgedCopies).dropAll();
  };
  const keys = () =>
    cloud.rows<{ pin: string; role: string; days: number | null }>(
      `select pin, role, round(extract(epoch from valid_until - now()) / 86400)::int as days
       from federation.relationship_key order by role`,
    );

  describe('announces it', () => {
    beforeAll(meet);

    it('and is let in by both, the new one first seen being the peer’s from then on', async () => {
      const next = await anotherKey(peer);
      const answer = await announce(peer, cloud, next.certificate);
      expect(answer).toMatchObject({ status: 200, json: { fingerprint: pinOf(next), validUntil: expect.any(String) } });
      expect(await keysOf(cloud, relationship)).toMatchObject({
        fingerprint: pinOf(peer.credential),
        announced: { fingerprint: pinOf(next) },
      });
      expect(await ping(peer, cloud)).toBe(200);
      expect(await keys()).toEqual([
        { pin: pinOf(next), role: 'announced', days: null },
        { pin: pinOf(peer.credential), role: 'current', days: 14 },
      ]);

      // Many calls bring it at once.
      const statuses = await Promise.all(Array.from({ length: 8 }, () => ping(peer, cloud, next)));
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(await ping(peer, cloud)).toBe(200);
      expect(await keysOf(cloud, relationship)).toMatchObject({ fingerprint: pinOf(next), announced: null });
      expect(await keys()).toEqual([
        { pin: pinOf(next), role: 'current', days: null },
        { pin: pinOf(peer.credential), role: 'retiring', days: 1 },
      ]);
      expect(await auditOf(cloud, 'trust.key-switched')).toEqual([
        expect.objectContaining({ before: pinOf(peer.credential), fingerprint: pinOf(next) }),
      ]);
      const [row] = await cloud.rows('select certificate from federation.relationship where id = $1', relationship);
      expect(row).toEqual({ certificate: `${next.certificate.trim()}\n` });

      await age('25 hours');
      expect(await ping(peer, cloud)).toBe(401);
      expect(await ping(peer, cloud, next)).toBe(200);
    });

    it('and is seen under the key that it shows', async () => {
      const next = await anotherKey(peer);
      await meet();
      await announce(peer, cloud, next.certificate);
      for (const as of [peer.credential, next, peer.credential]) {
        const answer = await peer.call(cloud.endpoint, { method: 'POST', path: '/federation/ping', as });
        expect(answer).toMatchObject({ status: 200, json: { fingerprintSeen: pinOf(as) } });
      }
    });

    it('and loses the old one a week after the switch at most, though it never showed the new one', async () => {
      const next = await anotherKey(peer);
      await meet();
      await announce(peer, cloud, next.certificate, { switchBy: inDays(1) });
      await age('7 days 23 hours');
      expect(await ping(peer, cloud)).toBe(200);
      await age('2 hours');
      expect(await ping(peer, cloud)).toBe(401);
      expect(await ping(peer, cloud, next)).toBe(200);
    });

    it('and both hold on an open connection, until the old one’s time is over', async () => {
      const next = await anotherKey(peer);
      await meet();
      const agent = keepAliveAgent();
      const old = () => ping(peer, cloud, peer.credential, { agent });
      expect(await old()).toBe(200);
      await announce(peer, cloud, next.certificate);
      expect([await ping(peer, cloud, next), await old()]).toEqual([200, 200]);
      await age('8 days');
      expect(await old()).toBe(401);
      agent.destroy();
    });

    it('again, and the later announcement takes the place of the earlier', async () => {
      const [first, second] = [await anotherKey(peer), await anotherKey(peer)];
      await meet();
      await announce(peer, cloud, first.certificate);
      expect((await announce(peer, cloud, second.certificate)).status).toBe(200);
      expect(await ping(peer, cloud, first)).toBe(401);
      expect(await ping(peer, cloud, second)).toBe(200);
    });

    it('and takes it back by announcing the key that it has', async () => {
      const next = await anotherKey(peer);
      await meet();
      await announce(peer, cloud, next.certificate, { switchBy: inDays(1) });
      const answer = await announce(peer, cloud, peer.credential.certificate);
      expect(answer).toMatchObject({ status: 200, json: { fingerprint: pinOf(peer.credential), validUntil: null } });
      expect(await ping(peer, cloud, next)).toBe(401);
      expect(await keys()).toEqual([{ pin: pinOf(peer.credential), role: 'current', days: null }]);
    });

    it('once more with the same words, and nothing changes', async () => {
      const next = await anotherKey(peer);
      await meet();
      const before = (await auditOf(cloud, 'trust.certificate-announced')).length;
      const switchBy = inDays(3);
      const answers = [];
      for (let nth = 0; nth < 3; nth++) answers.push(await announce(peer, cloud, next.certificate, { switchBy }));
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(await auditOf(cloud, 'trust.certificate-announced')).toHaveLength(before + 1);
      // The answer was lost, and the peer has switched meanwhile.
      expect(await ping(peer, cloud, next)).toBe(200);
      expect((await announce(peer, cloud, next.certificate, { as: next, switchBy })).status).toBe(200);
      expect(await ping(peer, cloud)).toBe(200);
    });

    it('under a key that it has left: refused, for that one may be stolen', async () => {
      const [next, third] = [await anotherKey(peer), await anotherKey(peer)];
      await meet();
      await announce(peer, cloud, next.certificate);
      await ping(peer, cloud, next);
      expect(await announce(peer, cloud, third.certificate)).toMatchObject({
        status: 409,
        json: { message: 'STATE_CONFLICT' },
      });
      expect(await announce(peer, cloud, peer.credential.certificate, { as: next })).toMatchObject({ status: 409 });
      expect((await announce(peer, cloud, third.certificate, { as: next })).status).toBe(200);
      expect(await ping(peer, cloud, third)).toBe(200);
      expect(await keys()).toEqual([
        expect.objectContaining({ pin: pinOf(third), role: 'current' }),
        expect.objectContaining({ pin: pinOf(next), role: 'retiring' }),
      ]);
      expect(await ping(peer, cloud)).toBe(401);
    });

    it('and all its keys are forgotten when trust ends, free for whoever has them', async () => {
      const next = await anotherKey(peer);
      await meet();
      await announce(peer, cloud, next.certificate);
      await cloud.api('DELETE', `/admin/services/${relationship}`);
      expect(await keys()).toEqual([]);
      expect([await ping(peer, cloud), await ping(peer, cloud, next)]).toEqual([401, 401]);
    });
  });

  describe('announces what cannot be', () => {
    beforeAll(async () => {
      await meet();
      await trusted(cloud, other);
    });
    afterEach(async () => {
      expect(await keysOf(cloud, relationship)).toMatchObject({
        fingerprint: pinOf(peer.credential),
        announced: null,
      });
    });

    const refused = (name: string, message: string) => ({
      status: 400,
      json: { message: 'VALIDATION_FAILED', validationErrors: [{ name, message }] },
    });
    const conflict = { status: 409, json: { message: 'STATE_CONFLICT' } };
    type Case = [string, () => Promise<string> | string, object];

    it.each<Case>([
      [
        'for servers only',
        async () => (await makeSelfSignedCertificate(HOST, { eku: ['serverAuth'] })).certificate,
        refused('certificate', 'WRONG_PURPOSE'),
      ],
      [
        'of an authority',
        async () => (await makeSelfSignedCertificate(HOST, { ca: true })).certificate,
        { status: 400 },
      ],
      [
        'for another host',
        async () => (await makeSelfSignedCertificate('c.localhost')).certificate,
        refused('certificate', 'WRONG_NAME'),
      ],
      [
        'for a host below',
        async () => (await makeSelfSignedCertificate(`x.${HOST}`)).certificate,
        refused('certificate', 'WRONG_NAME'),
      ],
      [
        'with two names',
        async () =>
          (
            await makeSelfSignedCertificate(HOST, {
              san: [
                { type: 'dns', value: HOST },
                { type: 'dns', value: 'c.localhost' },
              ],
            })
          ).certificate,
        { status: 400 },
      ],
      ['without a name', async () => (await makeSelfSignedCertificate(HOST, { san: [] })).certificate, { status: 400 }],
      [
        'that has expired',
        async () => (await makeSelfSignedCertificate(HOST, { days: -1 })).certificate,
        refused('certificate', 'EXPIRED'),
      ],
      [
        'that is not valid yet',
        async () => (await makeSelfSignedCertificate(HOST, { notBefore: new Date(Date.now() + 60_000) })).certificate,
        refused('certificate', 'NOT_YET_VALID'),
      ],
      [
        'with its key',
        async () => Object.values(await makeSelfSignedCertificate(HOST)).join(''),
        refused('certificate', 'INVALID'),
      ],
      [
        'and another one',
        async () =>
          (await makeSelfSignedCertificate(HOST)).certificate + (await makeSelfSignedCertificate(HOST)).certificate,
        refused('certificate', 'INVALID'),
      ],
      ['that is none', () => 'certificate', refused('certificate', 'INVALID')],
      [
        'that cannot be read',
        () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
        refused('certificate', 'INVALID'),
      ],
      [
        'of the present key, for another host',
        async () =>
          (await makeSelfSignedCertificate('x.localhost', { privateKey: peer.credential.privateKey })).certificate,
        refused('certificate', 'WRONG_NAME'),
      ],
      [
        'over another peer’s key',
        async () => (await makeSelfSignedCertificate(HOST, { privateKey: other.credential.privateKey })).certificate,
        conflict,
      ],
      [
        'over our own key',
        async () =>
          (await makeSelfSignedCertificate(HOST, { privateKey: cloud.get(OwnIdentity).current().privateKey.reveal() }))
            .certificate,
        conflict,
      ],
    ])('a certificate %s', async (_, make, expected) => {
      expect(await announce(peer, cloud, await make())).toMatchObject(expected);
    });

    it('a key that another peer has announced', async () => {
      const next = await anotherKey(other);
      const mine = await makeSelfSignedCertificate(HOST, { privateKey: next.privateKey });
      expect((await announce(other, cloud, next.certificate)).status).toBe(200);
      expect(await announce(peer, cloud, mine.certificate)).toMatchObject(conflict);
    });

    it('one key for two peers at once: one of them at most', async () => {
      const theirs = await anotherKey(other);
      const mine = await makeSelfSignedCertificate(HOST, { privateKey: theirs.privateKey });
      const answers = await Promise.all([
        announce(other, cloud, theirs.certificate),
        announce(peer, cloud, mine.certificate),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      await announce(peer, cloud, peer.credential.certificate);
    });

    it.each<[string, unknown]>([
      ['nothing', undefined],
      ['null', null],
      ['a date', '2030-01-01'],
      ['a number', 1_900_000_000],
      ['nonsense', 'tomorrow'],
      ['a week ago', inDays(-7.1)],
      ['in two years', inDays(730)],
    ])('a switch by %s', async (_, switchBy) => {
      const { certificate } = await anotherKey(peer);
      const body = { certificate, switchBy };
      const answer = await peer.call(cloud.endpoint, { method: 'PUT', path: '/federation/trust/certificate', body });
      expect(answer.status).toBe(400);
      expect(JSON.stringify(answer.json)).toContain('"name":"switchBy"');
    });

    it('to whom it is a stranger', async () => {
      const stranger = await anotherKey(peer);
      expect(await announce(peer, cloud, stranger.certificate, { as: stranger })).toMatchObject({
        status: 401,
        json: { message: 'CLIENT_NOT_AUTHENTICATED' },
      });
      const body = { certificate: stranger.certificate, switchBy: inDays(1) };
      const path = '/federation/trust/certificate';
      expect((await call(cloud.endpoint, { method: 'PUT', path, body })).status).toBe(401);
    });

    it('while it is suspended', async () => {
      const set = (state: string) =>
        cloud.rows('update federation.relationship set state = $1 where id = $2', state, relationship);
      await set('SUSPENDED');
      cloud.get(JudgedCopies).dropAll();
      const { certificate } = await anotherKey(peer);
      expect(await announce(peer, cloud, certificate)).toMatchObject({ status: 403, json: { message: 'SUSPENDED' } });
      await set('TRUSTED');
      cloud.get(JudgedCopies).dropAll();
    });
  });

  describe('renews its certificate over the same key', () => {
    beforeAll(meet);
    const renewed = (minutes: number) =>
      makeSelfSignedCertificate(HOST, {
        privateKey: peer.credential.privateKey,
        notBefore: new Date(Date.now() - 300_000 + minutes * 60_000),
      });
    const shown = async () =>
      (
        await cloud.rows<{ certificate: string }>(
          'select certificate from federation.relationship where id = $1',
          relationship,
        )
      )[0]?.certificate;

    it('and is let in without a word, while the latest one is kept for the operator', async () => {
      const [older, newer] = [await renewed(-10), await renewed(4)];
      expect(await ping(peer, cloud, newer)).toBe(200);
      expect(await shown()).toBe(`${newer.certificate.trim()}\n`);
      expect(await ping(peer, cloud, older)).toBe(200);
      expect(await shown()).toBe(`${newer.certificate.trim()}\n`);
      expect((await service(cloud, relationship)).state).toBe('TRUSTED');
    });

    it('and one that shows two in turns makes us write once', async () => {
      const before = await auditOf(cloud, 'trust.certificate-renewed');
      for (let nth = 0; nth < 3; nth++)
        for (const as of [peer.credential, await renewed(4.5)]) await ping(peer, cloud, as);
      expect((await auditOf(cloud, 'trust.certificate-renewed')).length - before.length).toBeLessThanOrEqual(1);
    });
  });
});
