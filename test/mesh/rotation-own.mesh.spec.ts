import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { PeerClient } from '../../src/transport/peer-client.js';
import { JudgedCopies } from '../../src/trust/judged-copies.js';
import { OwnIdentity } from '../../src/trust/own-identity.js';
import { PeerEndpoints } from '../../src/trust/peer-endpoints.js';
import { StartRotation } from '../../src/trust/start-rotation.js';
import { WatchIdentity } from '../../src/trust/watch-identity.js';
import { establishTrust, eventually, freePort, serviceOf, TestCloud } from '../support/cloud.js';
import { call } from '../support/hostile-peer.js';
import { forgetAll, hostileAt, impatiently, stopAll, trusted } from '../trust/mesh.js';
import { alertsOf, auditOf, inDays, keysOf } from '../trust/rotation.js';

const ROTATION = '/admin/self/certificate/rotation';
const MISSED = 'own-certificate-missed';

interface Rotation {
  readonly state: string;
  readonly fingerprint: string;
  readonly next: string;
  readonly certificate: string;
  readonly switchBy: string;
  readonly told: number;
  readonly waiting: { service: string; origin: string; reason: string }[];
}

const start = (cloud: TestCloud, body?: object) => cloud.json<Rotation>('POST', '/admin/self/certificate/rotate', body);
const progress = (cloud: TestCloud) => cloud.json<Rotation>('GET', ROTATION);
/** As if the moment had come. */
const dueNow = (cloud: TestCloud) =>
  cloud.rows('update federation.own_rotation set switch_by = now() where ended_at is null');
const switched = (cloud: TestCloud) =>
  eventually('it is switched', async () => {
    await cloud.get(WatchIdentity).look();
    const rotation = await progress(cloud);
    return rotation.state === 'switched' && rotation.fingerprint === rotation.next && rotation;
  });

/** One cloud calls the other, as its outbox would. */
async function pingFrom(one: TestCloud, id: string): Promise<{ status: number; seen?: string }> {
  const endpoint = await one.get(PeerEndpoints).ofTrusted(id);
  if (!endpoint) throw new Error('not trusted');
  const answer = await one.get(PeerClient).send(endpoint, { method: 'POST', path: '/federation/ping' });
  return { status: answer.status, seen: (answer.body as { fingerprintSeen?: string } | undefined)?.fingerprintSeen };
}

async function idOf(cloud: TestCloud, other: TestCloud): Promise<string> {
  const service = await serviceOf(cloud, other.origin);
  if (!service) throw new Error('unknown');
  return service.id;
}

/** Calls both ways, each direction every 40 ms, until it is stopped. */
function underLoad(one: TestCloud, two: TestCloud, ids: { one: string; two: string }) {
  const outcomes: string[] = [];
  const calls = new Set<Promise<void>>();
  const begin = (from: TestCloud, id: string) => {
    const done = pingFrom(from, id)
      .then(
        ({ status }) => void outcomes.push(String(status)),
        (error: unknown) => void outcomes.push(String(error)),
      )
      .finally(() => calls.delete(done));
    calls.add(done);
  };
  const timer = setInterval(() => {
    begin(one, ids.one);
    begin(two, ids.two);
  }, 40);
  return {
    outcomes,
    async stop() {
      clearInterval(timer);
      await Promise.all(calls);
    },
  };
}

describe('our own key', () => {
  let one: TestCloud;
  let two: TestCloud;
  let authority: CertificateAuthority;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    [one, two] = await Promise.all([
      TestCloud.start({ name: 'one', authority }),
      TestCloud.start({ name: 'two', authority, ownListener: true }),
    ]);
  });
  afterAll(() => stopAll(one, two));
  beforeEach(async () => {
    for (const cloud of [one, two]) {
      await cloud.rows('delete from federation.own_rotation_peer');
      await cloud.rows('delete from federation.own_rotation');
      await cloud.rows('delete from federation.alert');
      cloud.get(JudgedCopies).dropAll();
    }
    await forgetAll(one, two);
  });

  it('changes on both sides while calls go both ways, and none of them fails', { timeout: 60_000 }, async () => {
    await establishTrust(one, two);
    const ids = { one: await idOf(one, two), two: await idOf(two, one) };
    const before = { one: one.get(OwnIdentity).current(), two: two.get(OwnIdentity).current() };
    const load = underLoad(one, two, ids);
    for (const [from, to, id] of [
      [one, two, ids.two],
      [two, one, ids.one],
    ] as const) {
      const started = await start(from);
      expect(started).toMatchObject({ state: 'running', fingerprint: from.fingerprint });
      const { next, told, waiting } = await switched(from);
      expect({ next, told, waiting }).toEqual({ next: started.next, told: 1, waiting: [] });
      await eventually('the other side has seen it', async () => (await keysOf(to, id)).fingerprint === next);
      // A while with keys that have both changed.
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await eventually('it was a load', async () => load.outcomes.length >= 150);
    await load.stop();
    expect(load.outcomes.filter((outcome) => outcome !== '200')).toEqual([]);
    expect([await pingFrom(one, ids.one), await pingFrom(two, ids.two)]).toEqual([
      { status: 200, seen: one.fingerprint },
      { status: 200, seen: two.fingerprint },
    ]);

    // The old keys go on for a day, and not longer.
    const as = ({ certificate, privateKey }: typeof before.one): IssuedCertificate => ({
      certificate,
      privateKey: privateKey.reveal(),
    });
    const oldPing = async (to: TestCloud, old: typeof before.one) =>
      (await call(to.endpoint, { method: 'POST', path: '/federation/ping', as: as(old) })).status;
    expect([await oldPing(two, before.one), await oldPing(one, before.two)]).toEqual([200, 200]);
    for (const cloud of [one, two]) {
      await cloud.rows(`update federation.relationship_key set valid_until = valid_until - interval '25 hours'`);
      cloud.get(JudgedCopies).dropAll();
    }
    expect([await oldPing(two, before.one), await oldPing(one, before.two)]).toEqual([401, 401]);
    expect([(await pingFrom(one, ids.one)).status, (await pingFrom(two, ids.two)).status]).toEqual([200, 200]);
  });

  it('is another one in all that we say and show of ourselves', async () => {
    const old = two.fingerprint;
    await start(two);
    const { next, fingerprint } = await switched(two);
    expect(fingerprint).toBe(next);
    expect(next).not.toBe(old);
    expect(two.fingerprint).toBe(next);
    expect(await two.json('GET', '/admin/self')).toMatchObject({ certificate: { fingerprint: next } });
    const document = await call(two.origin, { path: '/federation', ca: authority.certificate });
    expect(document.json).toMatchObject({ fingerprint: next });
    expect((await call(two.endpoint, { path: '/health/live' })).serverPin).toBe(next);
    expect(await two.rows(`select pin from federation.own_key where retired_at is null`)).toEqual([{ pin: next }]);
    // Nothing can be signed with the old one any more.
    expect(await two.rows(`select private_key_sealed from federation.own_key where pin = $1`, old)).toEqual([
      { private_key_sealed: '' },
    ]);
    expect((await auditOf(two, 'identity.switched')).at(-1)).toEqual({
      before: old,
      fingerprint: next,
      told: '0',
      missed: '0',
    });
    // And trust can arise under it.
    await establishTrust(one, two);
    expect(await serviceOf(one, two.origin)).toMatchObject({ fingerprint: next });
  });

  it('is announced by one rotation at a time, an hour to thirty days ahead', async () => {
    await establishTrust(one, two);
    await two.down();
    const { switchBy } = await start(one, { switchBy: inDays(3) });
    expect(Date.parse(switchBy) - Date.now()).toBeLessThan(3.01 * 86_400_000);
    expect(await one.api('POST', '/admin/self/certificate/rotate')).toMatchObject({
      status: 409,
      json: { message: 'STATE_CONFLICT' },
    });
    await two.up();
    await one.json('DELETE', ROTATION);
    for (const wrong of [inDays(0.02), inDays(31), inDays(-1), 'soon', null, '2030-01-01']) {
      const answer = await one.api('POST', '/admin/self/certificate/rotate', { switchBy: wrong });
      expect(answer.status, String(wrong)).toBe(400);
    }
    expect(await one.api('DELETE', ROTATION)).toMatchObject({ status: 409 });
    expect((await progress(one)).state).toBe('cancelled');
  });

  it('stays if the rotation is cancelled, and the peer hears of that', async () => {
    await establishTrust(one, two);
    const id = await idOf(two, one);
    // A second peer cannot be told: the switch waits.
    const third = await hostileAt('third.localhost', authority);
    await trusted(one, third);
    third.behaviour = { kind: 'json', status: 503 };
    const { next } = await start(one);
    await eventually('the peer is told', async () => (await progress(one)).told === 1);
    expect((await progress(one)).waiting).toEqual([
      expect.objectContaining({ origin: third.origin, reason: 'error-5xx' }),
    ]);
    expect((await keysOf(two, id)).announced?.fingerprint).toBe(next);
    expect(await one.json<Rotation>('DELETE', ROTATION)).toMatchObject({ state: 'cancelled', waiting: [] });
    await eventually('the peer hears of it', async () => (await keysOf(two, id)).announced === null);
    expect(await two.rows('select role, valid_until from federation.relationship_key')).toEqual([
      { role: 'current', valid_until: null },
    ]);
    expect(await one.rows('select private_key_sealed from federation.own_rotation')).toEqual([
      { private_key_sealed: null },
    ]);
    expect((await pingFrom(one, await idOf(one, two))).status).toBe(200);
    // And a new one takes its turn, also at the peer that had not answered yet.
    third.behaviour = { kind: 'json', body: {} };
    await start(one);
    await impatiently('it is switched', [one], async () => (await progress(one)).state === 'switched');
    const bodies = third.requests
      .filter(({ path }) => path === '/federation/trust/certificate')
      .map(({ body }) => JSON.parse(body));
    expect(bodies.at(-1)).toMatchObject({ certificate: (await progress(one)).certificate });
    await stopAll(third);
  });

  it('is switched in time though a peer is down, which is listed until it has been re-approved there', {
    timeout: 30_000,
  }, async () => {
    await establishTrust(one, two);
    const ids = { one: await idOf(one, two), two: await idOf(two, one) };
    const old = one.fingerprint;
    await two.down();
    const { next } = await start(one);
    await eventually('it was tried', async () => (await progress(one)).waiting[0]?.reason === 'connect');
    expect(await progress(one)).toMatchObject({
      state: 'running',
      told: 0,
      waiting: [{ service: ids.one, origin: two.origin }],
    });
    await dueNow(one);
    await switched(one);
    expect((await progress(one)).waiting).toEqual([{ service: ids.one, origin: two.origin, reason: 'connect' }]);
    expect(await alertsOf(one, MISSED)).toEqual([
      expect.objectContaining({
        peer: ids.one,
        level: 'critical',
        details: expect.objectContaining({ before: old, fingerprint: next }),
      }),
    ]);
    expect((await keysOf(one, ids.one)).missedOurKey).toBe(true);

    await two.up();
    expect((await pingFrom(one, ids.one)).status).toBe(401);
    const presented = await eventually(
      'it is an alert there',
      async () => (await keysOf(two, ids.two)).presented ?? undefined,
    );
    expect(presented.fingerprint).toBe(next);
    expect(await alertsOf(two, 'peer-key-unannounced')).toEqual([expect.objectContaining({ peer: ids.two })]);
    await two.json('POST', `/admin/services/${ids.two}/reapprove`, { fingerprint: one.fingerprint });
    expect((await pingFrom(one, ids.one)).status).toBe(200);
    expect((await pingFrom(two, ids.two)).status).toBe(200);
    await impatiently('it is no longer listed', [one], async () => (await progress(one)).waiting.length === 0);
    expect(await alertsOf(one, MISSED)).toEqual([]);
    expect((await keysOf(one, ids.one)).missedOurKey).toBe(false);
    expect(await alertsOf(two, 'peer-key-unannounced')).toEqual([]);
  });

  it('waits for its time where a peer is trusted by hand, and names that peer', async () => {
    const hand = await hostileAt('hand.localhost', authority);
    const { id } = await one.json<{ id: string }>('POST', '/admin/services', {
      url: hand.origin,
      certificate: hand.credential.certificate,
    });
    const { certificate } = await start(one);
    await one.get(WatchIdentity).look();
    expect(await progress(one)).toMatchObject({
      state: 'running',
      waiting: [{ service: id, origin: hand.origin, reason: 'by-hand' }],
    });
    expect(new X509Certificate(certificate).checkHost('one.localhost')).toBe('one.localhost');
    expect(hand.requests).toEqual([]);
    await dueNow(one);
    expect((await switched(one)).waiting).toHaveLength(1);
    expect((await alertsOf(one, MISSED)).map(({ details }) => details.reason)).toEqual(['by-hand']);
    await one.api('DELETE', `/admin/services/${id}`);
    expect(await alertsOf(one, MISSED)).toEqual([]);
    await stopAll(hand);
  });

  it('is told to a peer that becomes trusted while the rotation runs', async () => {
    const third = await hostileAt('third.localhost', authority);
    await trusted(one, third);
    third.behaviour = { kind: 'json', status: 503 };
    await start(one);
    await establishTrust(two, one);
    await eventually('it is told', async () => (await progress(one)).told === 1);
    await dueNow(one);
    await switched(one);
    expect((await pingFrom(one, await idOf(one, two))).status).toBe(200);
    await stopAll(third);
  });

  it('is refused to a peer whose answer says so, with its code', async () => {
    const third = await hostileAt('third.localhost', authority);
    await trusted(one, third);
    third.behaviour = { kind: 'json', status: 404, body: { message: 'RESOURCE_NOT_FOUND' } };
    await start(one);
    await eventually('it is refused', async () => (await progress(one)).waiting[0]?.reason === 'RESOURCE_NOT_FOUND');
    await one.json('DELETE', ROTATION);
    await stopAll(third);
  });

  it('is not changed where a proxy shows it to peers, and could not be given another', async () => {
    const options = { proxy: { trusted: ['127.0.0.1/32'] } };
    const behindProxy = { host: '127.0.0.1', port: await freePort() };
    const proxied = await TestCloud.start({ name: 'proxied', authority, ownListener: true, behindProxy, options });
    await expect(proxied.get(StartRotation).execute()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect(await proxied.rows('select id from federation.own_rotation')).toEqual([]);
    await stopAll(proxied);
  });

  describe('of a certificate that we made', () => {
    const aged = async (cloud: TestCloud, madeHere: boolean) => {
      const { privateKey } = cloud.get(OwnIdentity).current();
      const { certificate } = await makeSelfSignedCertificate(cloud.host, {
        privateKey: privateKey.reveal(),
        notBefore: new Date(Date.now() - 250 * 86_400_000),
        days: 115,
      });
      await cloud.rows(
        'update federation.own_key set certificate = $1, made_here = $2 where retired_at is null',
        certificate,
        madeHere,
      );
      return certificate;
    };
    const now = (cloud: TestCloud) => cloud.get(OwnIdentity).current().certificate;

    it('is certified again when two thirds of its life are over, and nobody has to be told', async () => {
      await establishTrust(one, two);
      const before = (await auditOf(two, 'identity.certificate-renewed')).length;
      const pin = two.fingerprint;
      const initial = now(two);
      const old = await aged(two, true);
      const renewed = await eventually('it is renewed', async () => ![initial, old].includes(now(two)) && now(two));
      expect(two.fingerprint).toBe(pin);
      expect(Date.parse(new X509Certificate(renewed).validTo) - Date.now()).toBeGreaterThan(364 * 86_400_000);
      expect((await auditOf(two, 'identity.certificate-renewed')).length).toBe(before + 1);
      const id = await idOf(two, one);
      expect((await pingFrom(two, id)).status).toBe(200);
      expect((await pingFrom(one, await idOf(one, two))).status).toBe(200);
    });

    it('is left alone if others made it', async () => {
      const given = await aged(two, false);
      await eventually('it is noticed', async () => now(two) === given);
      await two.get(WatchIdentity).look();
      await two.get(WatchIdentity).look();
      expect(now(two)).toBe(given);
      const again = await aged(two, true);
      await eventually('it is renewed', async () => ![given, again].includes(now(two)));
    });
  });

  it('is switched by one node and taken over by the other', { timeout: 30_000 }, async () => {
    await establishTrust(one, two);
    const nodes = await one.anotherNode();
    try {
      const before = (await auditOf(one, 'identity.switched')).length;
      await start(one);
      const { next } = await switched(one);
      await eventually('the other node has it', async () => nodes.describe().federationFingerprint === next, 3_000);
      expect((await auditOf(one, 'identity.switched')).length).toBe(before + 1);
      const id = await idOf(one, two);
      const endpoint = await nodes.app.get(PeerEndpoints, { strict: false }).ofTrusted(id);
      if (!endpoint) throw new Error('not trusted');
      const answer = await nodes.app
        .get(PeerClient, { strict: false })
        .send(endpoint, { method: 'POST', path: '/federation/ping' });
      expect(answer).toMatchObject({ status: 200, body: { fingerprintSeen: next } });
    } finally {
      await nodes.stop();
    }
  });
});
