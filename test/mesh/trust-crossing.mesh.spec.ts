import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { eventually, inState, TestCloud } from '../support/cloud.js';
import type { HostilePeer } from '../support/hostile-peer.js';
import {
  added,
  ask,
  becomes,
  confirm,
  forgetAll,
  hostileAt,
  impatiently,
  introduction,
  pinOf,
  received,
  stateOf,
  stopAll,
} from '../trust/mesh.js';

interface Service {
  readonly origin: string;
  readonly state: string;
  readonly fingerprint: string;
}

describe('requests for trust that cross', () => {
  let a: TestCloud;
  let b: TestCloud;
  let impostor: HostilePeer;
  let honest: HostilePeer;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [a, b, impostor, honest] = await Promise.all([
      TestCloud.start({ name: 'a', authority }),
      TestCloud.start({ name: 'b', authority }),
      // It has a port on the very host of cloud B, but no web certificate for it that anybody believes.
      CertificateAuthority.create('Evil CA').then((evil) => hostileAt('b.localhost', evil)),
      hostileAt('c.localhost', authority),
    ]);
  });
  afterEach(async () => {
    await forgetAll(a, b);
    impostor.requests.length = 0;
    honest.requests.length = 0;
    impostor.connections.length = 0;
    impostor.dialled = 0;
  });
  afterAll(() => stopAll(a, b, impostor, honest));

  const add = (from: TestCloud, to: TestCloud, more: object = {}) =>
    from.json<{ id: string }>('POST', '/admin/services', { url: to.origin, ...more });
  /** What an operator sees of the other cloud; what a third one claims in its name aside. */
  const listed = async (cloud: TestCloud, other: TestCloud) =>
    (await cloud.json<{ items: Service[] }>('GET', '/admin/services')).items
      .filter(({ origin }) => origin === other.origin)
      .filter(({ state, fingerprint }) => state !== 'INVITED' || fingerprint === other.fingerprint)
      .map(({ state }) => state);
  /** Both trust each other, and nothing else is left of the crossing. */
  const settledInTrust = async () => {
    for (const [cloud, other] of [
      [a, b],
      [b, a],
    ] as const) {
      await impatiently(`${cloud.origin} trusts ${other.origin} and nothing is open`, [a, b], async () => {
        const [open] = await cloud.rows<{ count: string }>(
          `select count(*) from federation.delivery where state = 'waiting'`,
        );
        return open?.count === '0' && (await listed(cloud, other)).join() === 'TRUSTED';
      });
      const rows = await cloud.rows('select pin, endpoint, state from federation.relationship');
      expect(rows).toEqual([{ pin: other.fingerprint, endpoint: other.origin, state: 'TRUSTED' }]);
    }
  };
  const asB = { origin: '', endpoint: '' };
  const claimToBeB = (endpoint = b.origin, as = impostor.credential) =>
    ask(impostor, a, { ...asB, origin: b.origin, endpoint }, as);

  it.each([1, 2, 3])('end in trust with the same pins, without a click: both at once, round %i', async () => {
    await Promise.all([add(a, b), add(b, a)]);
    await settledInTrust();
  });

  it.each([1, 2])(
    'end in trust though the first to trust suspends the other at once, and resumes it later, round %i',
    async () => {
      const [{ id }] = await Promise.all([add(a, b), add(b, a)]);
      await becomes(a, id, 'TRUSTED');
      await a.json('POST', `/admin/services/${id}/suspend`);
      await impatiently('the other trusts as well', [a, b], async () => (await listed(b, a)).join() === 'TRUSTED');
      expect(await listed(a, b)).toEqual(['SUSPENDED']);
      await a.json('POST', `/admin/services/${id}/resume`);
      await settledInTrust();
    },
  );

  it('end in trust if one of them is down when the other asks', async () => {
    await b.down();
    const { id } = await add(a, b);
    await eventually('a first attempt failed', async () => {
      const { reason } = await a.json<{ reason: string | null }>('GET', `/admin/services/${id}`);
      return reason === 'connect';
    });
    await b.up();
    await add(b, a);
    await settledInTrust();
  });

  it('end in trust if the other asks before it looks at the request that waits', async () => {
    await add(a, b);
    await inState(b, a.origin, 'INVITED');
    await add(b, a);
    await settledInTrust();
  });

  it('take back the request that the other side has no need to answer any more', async () => {
    honest.behaviour = ({ path }) => {
      if (path !== '/federation/trust-confirmations') return { kind: 'json', status: 202, body: { status: 'PENDING' } };
      return { kind: 'json', body: { fingerprint: pinOf(honest.credential), relationship: 'of-c', domains: [] } };
    };
    const { id, code } = await added(a, honest);
    await ask(honest, a);
    await becomes(a, id, 'TRUSTED');
    await eventually('it is taken back', async () => received(honest, '/federation/trust-cancellations').length > 0);
    expect(received(honest, '/federation/trust-cancellations')).toEqual([{ origin: a.origin, code }]);
    // Their confirmation of it may be on its way: it is answered, and changes nothing.
    expect((await confirm(honest, a, { code })).status).toBe(200);
    expect(await stateOf(a, id)).toBe('TRUSTED');
  });

  it('end for both if one is revoked while its confirmation of the other is under way', async () => {
    let slow = true;
    honest.behaviour = ({ path, body }) => {
      if (path !== '/federation/trust-confirmations') return { kind: 'json', status: 202, body: { status: 'PENDING' } };
      if (slow && body.includes('"accepted"')) return { kind: 'hang' };
      return { kind: 'json', body: { fingerprint: pinOf(honest.credential), relationship: 'of-c', domains: [] } };
    };
    const { id, code } = await added(a, honest);
    await ask(honest, a);
    await eventually('our confirmation is under way', async () => {
      return received(honest, '/federation/trust-confirmations').length > 0;
    });
    expect((await confirm(honest, a, { code })).status).toBe(200);
    expect(await stateOf(a, id)).toBe('TRUSTED');
    await a.api('DELETE', `/admin/services/${id}`);
    slow = false;
    await eventually('what arose of it is ended as well', async () => received(honest, '/federation/trust').length > 1);
    expect(received(honest, '/federation/trust-confirmations').map(({ decision }) => decision)).toEqual([
      'accepted',
      'rejected',
    ]);
    expect(received(honest, '/federation/trust')).toContainEqual({ relationship: 'of-c', reason: 'CANCELLED' });
    honest.dropConnections();
  });

  it('end for both if one refuses the request of the other after it was given trust', async () => {
    honest.behaviour = ({ path, body }) => {
      if (path === '/federation/trust-requests') return { kind: 'json', status: 503, headers: { 'retry-after': '1' } };
      if (path === '/federation/trust-confirmations' && body.includes('"accepted"')) {
        return { kind: 'close-before-answer' };
      }
      return { kind: 'json', body: { fingerprint: pinOf(honest.credential), relationship: 'of-c', domains: [] } };
    };
    const { id } = await added(a, honest);
    await ask(honest, a);
    await eventually('it has our confirmation', async () => {
      return received(honest, '/federation/trust-confirmations').length > 0;
    });
    const { behaviour } = honest;
    honest.behaviour = (request) => {
      if (request.path === '/federation/trust-requests') return { kind: 'json', status: 400 };
      return typeof behaviour === 'function' ? behaviour(request) : behaviour;
    };
    await impatiently('it is told that it is over', [a], async () => received(honest, '/federation/trust').length > 0);
    expect(await stateOf(a, id)).toBe('REJECTED');
    expect(received(honest, '/federation/trust')).toEqual([{ relationship: 'of-c', reason: 'CANCELLED' }]);
  });

  it.each([
    ['before our operator asks', 'before'],
    ['while our request waits', 'between'],
    ['together with everybody', 'together'],
  ])('are not disturbed by a third cloud that claims to be one of them %s', async (_, when) => {
    if (when === 'before') await claimToBeB();
    if (when === 'together') await Promise.all([add(a, b), claimToBeB(), add(b, a)]);
    else {
      await add(a, b);
      if (when === 'between') await claimToBeB();
      await add(b, a);
    }
    await settledInTrust();
    const [claim] = await a.rows<{ state: string; outcome: string }>(
      'select state, outcome from federation.trust_request where pin = $1',
      pinOf(impostor.credential),
    );
    // It may have come after trust arose: then it waits for the operator, as every stranger.
    expect([claim?.state, claim?.outcome]).toEqual(
      claim?.state === 'pending' ? ['pending', null] : ['ended', 'CONFIRMATION_REFUSED'],
    );
    const ping = { method: 'POST', path: '/federation/ping' };
    expect((await impostor.call(a.origin, ping)).status).toBe(401);
  });

  it('never trust a port of the claimed host that shows the impostor’s own key', async () => {
    impostor.behaviour = {
      kind: 'json',
      body: { fingerprint: pinOf(impostor.credential), relationship: 'mine', displayName: 'B', domains: [] },
    };
    impostor.present(impostor.credential);
    const { id } = await add(a, b);
    await claimToBeB(impostor.origin);
    await eventually('the claim has ended', async () => {
      const [claim] = await a.rows<{ state: string }>('select state from federation.trust_request');
      return claim?.state === 'ended';
    });
    expect(await stateOf(a, id)).toBe('REQUESTED');
    expect(received(impostor, '/federation/trust-confirmations')).toEqual([]);
    const invited = await inState(b, a.origin, 'INVITED');
    await b.json('POST', `/admin/services/${invited.id}/accept`);
    await becomes(a, id, 'TRUSTED');
    expect(await a.rows('select pin from federation.relationship')).toEqual([{ pin: b.fingerprint }]);
  });

  it('never trust such a port when an operator accepts its request either', async () => {
    impostor.behaviour = {
      kind: 'json',
      body: { fingerprint: pinOf(impostor.credential), relationship: 'mine', displayName: 'B', domains: [] },
    };
    impostor.present(impostor.credential);
    await claimToBeB(impostor.origin);
    const { id } = await inState(a, b.origin, 'INVITED');
    await a.json('POST', `/admin/services/${id}/accept`);
    expect(await becomes(a, id, 'REJECTED')).toMatchObject({ reason: 'ENDPOINT_NOT_CONFIRMED' });
  });

  it('never quote our code to anybody but the origin that was typed', async () => {
    await b.down();
    const { id } = await add(a, b);
    await claimToBeB();
    await claimToBeB(impostor.origin);
    const answer = await confirm(impostor, a, { ...asB, origin: b.origin, endpoint: impostor.origin });
    expect(answer.status).toBe(401);
    expect(await stateOf(a, id)).toBe('REQUESTED');
    expect(impostor.requests).toEqual([]);
    await b.up();
  });

  it('answer only the fingerprint that our operator expects', async () => {
    const { id } = await add(a, b, { expectedFingerprint: b.fingerprint });
    await claimToBeB();
    expect(await a.rows('select state from federation.trust_request')).toEqual([{ state: 'pending' }]);
    await add(b, a);
    await becomes(a, id, 'TRUSTED');
    await inState(b, a.origin, 'TRUSTED');
    expect(await a.rows('select pin from federation.relationship')).toEqual([{ pin: b.fingerprint }]);
  });

  it('make us call the claimed cloud only so often, however many keys claim to be it', async () => {
    await b.down();
    await add(a, b);
    const keys = await Promise.all([1, 2, 3, 4].map(() => makeSelfSignedCertificate('b.localhost')));
    const statuses: number[] = [];
    for (const key of keys) statuses.push((await claimToBeB(b.origin, key)).status);
    expect(statuses).toEqual([202, 202, 202, 429]);
    const again = introduction(b.origin, { code: 'A'.repeat(43) });
    const path = '/federation/trust-requests';
    const repeated = await impostor.call(a.origin, { method: 'POST', path, body: again, as: keys[0] });
    expect(repeated).toMatchObject({ status: 429, headers: { 'retry-after': expect.stringMatching(/^\d+$/) } });
    expect(
      await a.rows(`select count(*)::int as count from federation.delivery where kind = 'trust-confirmation'`),
    ).toEqual([{ count: 3 }]);
    await b.up();
  });
});
