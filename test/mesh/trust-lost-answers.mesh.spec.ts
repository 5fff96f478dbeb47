import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { eventually, inState, TestCloud } from '../support/cloud.js';
import type { Behaviour, HostilePeer } from '../support/hostile-peer.js';
import {
  added,
  ask,
  becomes,
  CODE,
  confirm,
  forgetAll,
  hostileAt,
  impatiently,
  pinOf,
  received,
  service,
  stateOf,
  stopAll,
  trusted,
} from '../trust/mesh.js';

const REFUSED = { status: 401, json: { message: 'CLIENT_NOT_AUTHENTICATED' } };
const LOST: [string, Behaviour][] = [
  ['lost', { kind: 'close-before-answer' }],
  ['a 500', { kind: 'json', status: 500, body: { message: 'INTERNAL_ERROR' } }],
  ['garbage', { kind: 'garbage' }],
  ['half a body', { kind: 'reset-mid-body' }],
  ['a redirect', { kind: 'redirect', status: 307, location: 'https://elsewhere.localhost/' }],
];

describe('a cloud whose peer answers badly', () => {
  let cloud: TestCloud;
  let peer: HostilePeer;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [cloud, peer] = await Promise.all([
      TestCloud.start({ name: 'a', authority, options: { domains: ['a.localhost', 'alpha.example'] } }),
      hostileAt('b.localhost', authority),
    ]);
  });
  afterEach(async () => {
    await forgetAll(cloud);
    peer.requests.length = 0;
    peer.behaviour = { kind: 'json' };
  });
  afterAll(() => stopAll(cloud, peer));

  const invited = async () => (await inState(cloud, peer.origin, 'INVITED')).id;
  const accept = async () => {
    await ask(peer, cloud);
    const id = await invited();
    await cloud.json('POST', `/admin/services/${id}/accept`);
    return id;
  };
  const ended = () => received(peer, '/federation/trust');
  const good = (): Behaviour => ({
    kind: 'json',
    body: {
      origin: peer.origin,
      displayName: 'B',
      domains: ['b.localhost', 'beta.example', 'not a domain', 7],
      fingerprint: pinOf(peer.credential),
      relationship: 'the-reference-of-b',
    },
  });

  describe('when it asks for trust', () => {
    it.each(LOST)('repeats the request under the same key after %s', async (_, behaviour) => {
      peer.script(behaviour, { kind: 'json', status: 202, body: { status: 'PENDING' } });
      const { id, code } = await added(cloud, peer);
      const repeated = await impatiently('a second request', [cloud], async () => peer.requests[1]);
      expect(repeated.headers['idempotency-key']).toBe(peer.requests[0]?.headers['idempotency-key']);
      expect(JSON.parse(repeated.body)).toMatchObject({ code, origin: cloud.origin, version: '1' });
      expect(await stateOf(cloud, id)).toBe('REQUESTED');
    });

    it('gives up when it is told that the request is none', async () => {
      peer.script({ kind: 'json', status: 400, body: { message: 'VALIDATION_FAILED' } });
      const { id } = await added(cloud, peer);
      expect(await becomes(cloud, id, 'REJECTED')).toMatchObject({ reason: 'VALIDATION_FAILED' });
      expect(await cloud.rows(`select state, sealed from federation.delivery`)).toEqual([
        { state: 'refused', sealed: null },
      ]);
    });

    it('trusts nobody for a 200 to its request', async () => {
      peer.script(good());
      const { id } = await added(cloud, peer);
      await eventually('it was told', async () => {
        const [row] = await cloud.rows<{ state: string }>('select state from federation.delivery');
        return row?.state === 'delivered';
      });
      expect(await stateOf(cloud, id)).toBe('REQUESTED');
    });
  });

  describe('when its confirmation is answered', () => {
    it.each(LOST)('confirms again, quoting the same code, after %s', async (_, behaviour) => {
      peer.script(behaviour, good());
      const id = await accept();
      const seen = await impatiently('it is trusted', [cloud], async () => {
        const now = await service(cloud, id);
        return now.state === 'TRUSTED' && now;
      });
      expect(seen).toMatchObject({ domains: ['b.localhost'], proposedDomains: ['beta.example'] });
      const confirmations = received(peer, '/federation/trust-confirmations');
      expect(confirmations).toHaveLength(2);
      expect(confirmations[1]).toEqual(confirmations[0]);
      expect(confirmations[0]).toMatchObject({ code: CODE, decision: 'accepted', origin: cloud.origin });
    });

    it.each<[string, unknown]>([
      ['is empty', {}],
      ['has no fingerprint', { relationship: 'r' }],
      ['has no reference', { fingerprint: 'f' }],
      ['has a reference that is no text', { fingerprint: 'f', relationship: 7 }],
      ['has a reference nobody could store', { fingerprint: 'f', relationship: 'r\u0000' }],
      ['has a reference too long to store', { fingerprint: 'f', relationship: 'ü'.repeat(200) }],
      ['is null', null],
    ])('takes a 200 that %s for no answer', async (_, body) => {
      peer.script({ kind: 'json', body });
      const id = await accept();
      await eventually('it is tried again later', async () => {
        const { reason, nextAttempt } = await cloud.json<Record<string, string | null>>('GET', `/admin/services/${id}`);
        return reason === 'bad-answer' && nextAttempt !== null;
      });
      expect(await stateOf(cloud, id)).toBe('CONFIRMING');
    });

    it('never trusts a cloud that answers with another key than the one that asked, and tells it so', async () => {
      peer.script({
        kind: 'json',
        body: { origin: peer.origin, domains: [], fingerprint: `sha256:${'A'.repeat(43)}`, relationship: 'of-b' },
      });
      const id = await accept();
      expect(await becomes(cloud, id, 'REJECTED')).toMatchObject({ reason: 'FINGERPRINT_MISMATCH' });
      await eventually('it is told', async () => ended().length > 0);
      expect(ended()).toEqual([{ relationship: 'of-b', reason: 'FINGERPRINT_MISMATCH' }]);
      expect(peer.requests.find(({ path }) => path === '/federation/trust')?.method).toBe('DELETE');
      expect((await peer.call(cloud.origin, { method: 'POST', path: '/federation/ping' })).status).toBe(401);
    });

    it('never trusts a key that another peer came to hold meanwhile', async () => {
      peer.script({ kind: 'close-before-answer' }, good(), { kind: 'json', status: 204 });
      const id = await accept();
      await eventually('it was tried', async () => (await service(cloud, id)).reason !== null);
      await cloud.rows(
        `insert into federation.relationship (id, origin, endpoint, state, pin, own_reference)
         values ('sibling', 'https://b.localhost:1', 'https://b.localhost:1', 'TRUSTED', $1, 'ours')`,
        pinOf(peer.credential),
      );
      await impatiently('it is told', [cloud], async () => ended().length > 0);
      expect(await service(cloud, id)).toMatchObject({ state: 'REJECTED', reason: 'FINGERPRINT_IN_USE' });
      expect(await stateOf(cloud, 'sibling')).toBe('TRUSTED');
    });

    it('is not accepted for a key that another peer holds', async () => {
      await ask(peer, cloud);
      const id = await invited();
      await cloud.rows(
        `insert into federation.relationship (id, origin, endpoint, state, pin, own_reference)
         values ('sibling', 'https://b.localhost:1', 'https://b.localhost:1', 'TRUSTED', $1, 'ours')`,
        pinOf(peer.credential),
      );
      expect((await cloud.api('POST', `/admin/services/${id}/accept`)).status).toBe(409);
      expect(await stateOf(cloud, id)).toBe('INVITED');
      expect(peer.requests).toEqual([]);
    });

    it('ends the request of whoever cannot confirm it', async () => {
      peer.script({ kind: 'json', status: 401, body: { message: 'CLIENT_NOT_AUTHENTICATED' } });
      const id = await accept();
      expect(await becomes(cloud, id, 'REJECTED')).toMatchObject({ reason: 'CONFIRMATION_REFUSED' });
      expect(received(peer, '/federation/trust-confirmations')).toHaveLength(1);
    });

    it('takes a confirmation back that may have arrived before it was refused', async () => {
      peer.script({ kind: 'close-before-answer' }, { kind: 'json', status: 404 }, good(), {
        kind: 'json',
        status: 204,
      });
      const id = await accept();
      await impatiently('the peer is told that it is over', [cloud], async () => ended().length > 0);
      expect(await service(cloud, id)).toMatchObject({ state: 'REJECTED', reason: 'CONFIRMATION_REFUSED' });
      expect(received(peer, '/federation/trust-confirmations').map(({ decision }) => decision)).toEqual([
        'accepted',
        'accepted',
        'rejected',
      ]);
      expect(ended()).toEqual([{ relationship: 'the-reference-of-b', reason: 'CANCELLED' }]);
    });

    it('takes it back when its time is over', async () => {
      peer.script({ kind: 'close-before-answer' });
      const id = await accept();
      await eventually('it was tried', async () => peer.requests.length > 0);
      peer.script({ kind: 'close-before-answer' }, good(), { kind: 'json', status: 204 });
      await cloud.rows(`update federation.delivery set expires_at = now()`);
      await impatiently('the peer is told that it is over', [cloud], async () => ended().length > 0);
      expect(await service(cloud, id)).toMatchObject({ state: 'REJECTED', reason: 'NOT_REACHED' });
    });

    it('is cancelled there as well if the operator cancels before it was answered', async () => {
      peer.script({ kind: 'hang' }, good(), { kind: 'json', status: 204 });
      const id = await accept();
      await eventually('it was tried', async () => peer.requests.length > 0);
      expect((await cloud.api('DELETE', `/admin/services/${id}`)).status).toBe(204);
      await eventually('the peer is told that it is over', async () => ended().length > 0);
      expect(ended()).toEqual([{ relationship: 'the-reference-of-b', reason: 'CANCELLED' }]);
      expect(await service(cloud, id)).toMatchObject({ state: 'REVOKED', reason: 'CANCELLED' });
      peer.dropConnections();
    });
  });

  describe('when its request is answered', () => {
    it('gives the same answer to a code that is quoted again under the same certificate', async () => {
      const { id, code } = await added(cloud, peer);
      const first = await confirm(peer, cloud, { code, domains: ['b.localhost', 'beta.example'] });
      expect(first.status).toBe(200);
      expect(first.json).toEqual({
        origin: cloud.origin,
        displayName: 'a.localhost',
        domains: ['a.localhost', 'alpha.example'],
        fingerprint: cloud.fingerprint,
        relationship: expect.stringMatching(/^[\w-]{20,}$/),
      });
      const repeats = await Promise.all([1, 2, 3].map(() => confirm(peer, cloud, { code })));
      expect(repeats.map(({ status, text }) => [status, text])).toEqual(repeats.map(() => [200, first.text]));
      expect(await service(cloud, id)).toMatchObject({
        state: 'TRUSTED',
        fingerprint: pinOf(peer.credential),
        domains: ['b.localhost'],
        proposedDomains: ['beta.example'],
      });
    });

    it('refuses a used code under any other certificate of the same name', async () => {
      const { id, code } = await trusted(cloud, peer);
      const other = await makeSelfSignedCertificate(peer.host);
      expect(await confirm(peer, cloud, { code }, other)).toMatchObject(REFUSED);
      expect(await service(cloud, id)).toMatchObject({ state: 'TRUSTED', fingerprint: pinOf(peer.credential) });
    });

    it('refuses a wrong code, a code for another origin, and a confirmation of what was never asked', async () => {
      expect(await confirm(peer, cloud)).toMatchObject(REFUSED);
      const { id, code } = await added(cloud, peer);
      expect(await confirm(peer, cloud)).toMatchObject(REFUSED);
      const elsewhere = `https://${peer.host}:1`;
      expect(await confirm(peer, cloud, { code, origin: elsewhere, endpoint: elsewhere })).toMatchObject(REFUSED);
      const foreign = await makeSelfSignedCertificate('c.localhost');
      expect(await confirm(peer, cloud, { code }, foreign)).toMatchObject(REFUSED);
      const foreignOrigin = 'https://c.localhost:8443';
      const asForeign = { code, origin: foreignOrigin, endpoint: foreignOrigin };
      expect(await confirm(peer, cloud, asForeign, foreign)).toMatchObject(REFUSED);
      expect(await stateOf(cloud, id)).toBe('REQUESTED');
    });

    it('refuses the code of a relationship that has ended', async () => {
      const { id, code } = await trusted(cloud, peer);
      await cloud.api('DELETE', `/admin/services/${id}`);
      expect(await confirm(peer, cloud, { code })).toMatchObject(REFUSED);
      const next = await added(cloud, peer);
      expect(await confirm(peer, cloud, { code })).toMatchObject(REFUSED);
      expect(await stateOf(cloud, next.id)).toBe('REQUESTED');
    });

    it('refuses the code of a request that was cancelled', async () => {
      const { id, code } = await added(cloud, peer);
      await cloud.api('DELETE', `/admin/services/${id}`);
      expect(await confirm(peer, cloud, { code })).toMatchObject(REFUSED);
      expect(await stateOf(cloud, id)).toBe('REVOKED');
    });

    it('changes nothing for a rejection that comes after trust', async () => {
      const { id, code } = await trusted(cloud, peer);
      expect((await confirm(peer, cloud, { code, decision: 'rejected' })).status).toBe(200);
      expect(await stateOf(cloud, id)).toBe('TRUSTED');
    });

    it.each<[string, Parameters<typeof confirm>[2], string]>([
      ['another version', { version: '2' }, 'version'],
      ['an endpoint on another host', { endpoint: 'https://c.localhost:8443' }, 'endpoint'],
      ['an endpoint that is no origin', { endpoint: 'https://b.localhost/path' }, 'endpoint'],
      ['no such decision', { decision: 'perhaps' }, 'decision'],
      ['a domain that is none', { domains: ['*.example'] }, 'domains'],
      ['a code that cannot be one', { code: 'short' }, 'code'],
      ['a name that cannot be shown', { displayName: 'B\u0007' }, 'displayName'],
    ])('answers 400 to %s', async (_, values, name) => {
      const { id, code } = await added(cloud, peer);
      const answer = await confirm(peer, cloud, { code, ...values });
      expect(answer).toMatchObject({ status: 400, json: { message: 'VALIDATION_FAILED' } });
      expect(answer.json).toMatchObject({ validationErrors: [expect.objectContaining({ name })] });
      expect(await stateOf(cloud, id)).toBe('REQUESTED');
    });

    it('refuses a key that belongs to another relationship', async () => {
      const sibling = await hostileAt(peer.host, await CertificateAuthority.create('any'));
      await trusted(cloud, peer);
      await cloud.rows(
        `insert into federation.relationship (id, origin, endpoint, state, code_hash, own_reference)
         select 'sibling', $1, $1, 'REQUESTED', code_hash, 'its-reference' from federation.relationship`,
        sibling.origin,
      );
      const code = String(received(peer, '/federation/trust-requests')[0]?.code);
      const answer = await confirm(sibling, cloud, { code }, peer.credential);
      expect(answer).toMatchObject({ status: 409, json: { message: 'STATE_CONFLICT' } });
      expect(await stateOf(cloud, 'sibling')).toBe('REQUESTED');
      await sibling.stop();
    });
  });
});
