import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { establishTrust, eventually, inState, TestCloud } from '../support/cloud.js';
import { call, type HostilePeer } from '../support/hostile-peer.js';
import {
  ask,
  becomes,
  confirm,
  forgetAll,
  goneFrom,
  hostileAt,
  impatiently,
  pinOf,
  received,
  service,
  stateOf,
  stopAll,
} from '../trust/mesh.js';

describe('clouds whose peers call on a listener of their own', () => {
  let normal: TestCloud;
  let split: TestCloud;
  let other: TestCloud;
  let authority: CertificateAuthority;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    [normal, split, other] = await Promise.all([
      TestCloud.start({ name: 'normal', authority }),
      TestCloud.start({ name: 'split', authority, ownListener: true }),
      TestCloud.start({ name: 'other', authority, ownListener: true }),
    ]);
  });
  afterEach(() => forgetAll(normal, split, other));
  afterAll(() => stopAll(normal, split, other));

  const pairs: [string, () => readonly [TestCloud, TestCloud]][] = [
    ['normal asks split', () => [normal, split]],
    ['split asks normal', () => [split, normal]],
    ['split asks split', () => [split, other]],
  ];
  const pinsOf = (cloud: TestCloud) => cloud.rows('select origin, endpoint, pin, state from federation.relationship');
  const seenAs = (cloud: TestCloud) => ({
    origin: cloud.origin,
    endpoint: cloud.endpoint,
    pin: cloud.fingerprint,
    state: 'TRUSTED',
  });

  it('say on their public origin where peers call them, and by which key', async () => {
    for (const cloud of [normal, split]) {
      const answer = await call(cloud.origin, { path: '/federation', ca: authority.certificate });
      expect(answer).toMatchObject({
        status: 200,
        json: { origin: cloud.origin, endpoint: cloud.endpoint, fingerprint: cloud.fingerprint },
      });
    }
  });

  it('show the federation certificate where peers call, and the web certificate where people do', async () => {
    expect((await call(split.endpoint, { path: '/health/live' })).serverPin).toBe(split.fingerprint);
    expect((await call(split.origin, { path: '/health/live' })).serverPin).not.toBe(split.fingerprint);
  });

  it.each(pairs)('trust each other by the public URL that the operator typed: %s', async (_, roles) => {
    const [asking, asked] = roles();
    await establishTrust(asking, asked);
    expect(await pinsOf(asking)).toEqual([seenAs(asked)]);
    expect(await pinsOf(asked)).toEqual([seenAs(asking)]);
  });

  it.each(pairs)('trust each other when their requests cross: %s', async (_, roles) => {
    const [a, b] = roles();
    await Promise.all([
      a.json('POST', '/admin/services', { url: b.origin }),
      b.json('POST', '/admin/services', { url: a.origin }),
    ]);
    await impatiently('both trust', [a, b], async () => {
      const states = [...(await pinsOf(a)), ...(await pinsOf(b))].map((row) => (row as { state: string }).state);
      return states.join() === 'TRUSTED,TRUSTED';
    });
    expect(await pinsOf(a)).toEqual([seenAs(b)]);
    expect(await pinsOf(b)).toEqual([seenAs(a)]);
  });

  it.each(pairs)('tell each other of the end: %s', async (_, roles) => {
    const [a, b] = roles();
    await establishTrust(a, b);
    const { id } = await inState(b, a.origin, 'TRUSTED');
    await b.api('DELETE', `/admin/services/${id}`);
    expect(await inState(a, b.origin, 'REVOKED')).toMatchObject({ reason: 'REVOKED_BY_PEER' });
  });

  it.each(pairs)('take a request back: %s', async (_, roles) => {
    const [a, b] = roles();
    const { id } = await a.json<{ id: string }>('POST', '/admin/services', { url: b.origin });
    await inState(b, a.origin, 'INVITED');
    await a.api('DELETE', `/admin/services/${id}`);
    await goneFrom(b, a.origin);
  });

  it('reject, and the other side hears it on its own listener', async () => {
    const { id } = await split.json<{ id: string }>('POST', '/admin/services', { url: normal.origin });
    const invited = await inState(normal, split.origin, 'INVITED');
    await normal.json('POST', `/admin/services/${invited.id}/reject`);
    expect(await becomes(split, id, 'REJECTED')).toMatchObject({ reason: 'REJECTED_BY_PEER' });
  });

  it('send nothing to a listener whose key is not the one that the operator expects', async () => {
    const expectedFingerprint = `sha256:${'A'.repeat(43)}`;
    const body = { url: split.origin, expectedFingerprint };
    const { id } = await normal.json<{ id: string }>('POST', '/admin/services', body);
    expect(await becomes(normal, id, 'REJECTED')).toMatchObject({ reason: 'FINGERPRINT_MISMATCH' });
    expect(await split.rows('select id from federation.trust_request')).toEqual([]);
  });

  it('know no peer on the public listener, whatever certificate it holds', async () => {
    const as = await makeSelfSignedCertificate('normal.localhost');
    const answer = await call(split.origin, { method: 'POST', path: '/federation/ping', as });
    expect(answer).toMatchObject({ status: 401, json: { message: 'CLIENT_NOT_AUTHENTICATED' } });
  });

  describe('and a peer that claims one', () => {
    let peer: HostilePeer;
    let elsewhere: HostilePeer;

    beforeAll(async () => {
      [peer, elsewhere] = await Promise.all([
        hostileAt('claimed.localhost', authority),
        hostileAt('claimed.localhost', authority),
      ]);
      // The listener for peers, as the document names it, shows the federation certificate.
      elsewhere.present(peer.credential);
    });
    afterEach(() => {
      peer.requests.length = 0;
      elsewhere.requests.length = 0;
    });
    afterAll(() => stopAll(peer, elsewhere));

    const documentOf = (values: object = {}) => {
      const document = { origin: peer.origin, endpoint: elsewhere.origin, fingerprint: pinOf(peer.credential) };
      return { kind: 'json' as const, body: { ...document, ...values } };
    };
    const confirmed = (fingerprint: string) => ({
      kind: 'json' as const,
      body: { fingerprint, relationship: 'its-reference', displayName: '', domains: [] },
    });
    const accept = async () => {
      await ask(peer, normal, { endpoint: elsewhere.origin });
      const { id } = await inState(normal, peer.origin, 'INVITED');
      expect([peer.requests.length, elsewhere.requests.length]).toEqual([0, 0]);
      await normal.json('POST', `/admin/services/${id}/accept`);
      return id;
    };

    it('is trusted if its origin says so', async () => {
      peer.behaviour = documentOf();
      elsewhere.behaviour = confirmed(pinOf(peer.credential));
      await becomes(normal, await accept(), 'TRUSTED');
      expect(peer.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /federation']);
    });

    it.each<[string, () => object]>([
      ['names another endpoint', () => ({ endpoint: peer.origin })],
      ['names another key', () => ({ fingerprint: `sha256:${'A'.repeat(43)}` })],
      ['names an endpoint on another host', () => ({ endpoint: 'https://evil.localhost' })],
      ['is about another origin', () => ({ origin: 'https://evil.localhost' })],
      ['is nonsense', () => ({ fingerprint: 7, endpoint: null })],
    ])('is called by nobody if the origin’s document %s', async (_, values) => {
      peer.behaviour = documentOf(values());
      elsewhere.behaviour = confirmed(pinOf(peer.credential));
      expect(await becomes(normal, await accept(), 'REJECTED')).toMatchObject({ reason: 'ENDPOINT_NOT_CONFIRMED' });
      expect(elsewhere.requests).toEqual([]);
    });

    it('waits as long as its origin cannot be asked', async () => {
      peer.behaviour = { kind: 'json', status: 503 };
      const id = await accept();
      await eventually('it is tried again', async () => (await service(normal, id)).reason === 'error-5xx');
      expect(await stateOf(normal, id)).toBe('CONFIRMING');
      peer.behaviour = documentOf();
      elsewhere.behaviour = confirmed(pinOf(peer.credential));
      await impatiently('it is trusted', [normal], async () => (await stateOf(normal, id)) === 'TRUSTED');
    });

    it('hears of a mismatch on its own listener, where trust never arose here', async () => {
      peer.behaviour = documentOf();
      elsewhere.behaviour = confirmed(`sha256:${'A'.repeat(43)}`);
      expect(await becomes(normal, await accept(), 'REJECTED')).toMatchObject({ reason: 'FINGERPRINT_MISMATCH' });
      await eventually('it is told', async () => received(elsewhere, '/federation/trust').length > 0);
      expect(received(elsewhere, '/federation/trust')).toEqual([
        { relationship: 'its-reference', reason: 'FINGERPRINT_MISMATCH' },
      ]);
    });

    it('is asked where its document says, with the code that it may then quote', async () => {
      peer.behaviour = ({ method }) =>
        method === 'GET' ? documentOf() : { kind: 'json', status: 401, body: { message: 'CLIENT_NOT_AUTHENTICATED' } };
      elsewhere.behaviour = { kind: 'json', status: 202, body: { status: 'PENDING' } };
      const { id } = await normal.json<{ id: string }>('POST', '/admin/services', { url: peer.origin });
      const request = await eventually('it is asked', async () => received(elsewhere, '/federation/trust-requests')[0]);
      const answer = await confirm(peer, normal, { endpoint: elsewhere.origin, code: String(request.code) });
      expect(answer.status).toBe(200);
      expect(await stateOf(normal, id)).toBe('TRUSTED');
    });

    it('never gets our code at an endpoint that shows another key than the document names', async () => {
      const fingerprint = `sha256:${'A'.repeat(43)}`;
      peer.behaviour = ({ method }) => (method === 'GET' ? documentOf({ fingerprint }) : { kind: 'json', status: 401 });
      const { id } = await normal.json<{ id: string }>('POST', '/admin/services', { url: peer.origin });
      await eventually('it was tried', async () => (await service(normal, id)).reason === 'tls-pin');
      expect(elsewhere.requests).toEqual([]);
    });
  });
});
