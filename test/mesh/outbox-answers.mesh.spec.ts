import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FederationEvent } from '../../src/host/federation-events.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { auditOf, deliverNow, introspect, type Json, listenTo, type Outgoing, outgoing } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { eventually, TestCloud } from '../support/cloud.js';
import type { Behaviour, RecordedRequest } from '../support/hostile-peer.js';

const TAKEN: Behaviour = { kind: 'json', status: 201, body: { id: 'remote', state: 'pending' } };

describe('telling a peer that behaves oddly', () => {
  let authority: CertificateAuthority;
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let other: ScriptedPeer;
  let alice: string;
  let told: FederationEvent[];

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud1', authority });
    alice = await cloud.createAccount('alice');
    cloud.makeResource(alice, 'r');
    told = listenTo(cloud);
    [peer, other] = [
      await ScriptedPeer.trustedBy(cloud, authority, 'cloud2'),
      await ScriptedPeer.trustedBy(cloud, authority, 'cloud3'),
    ];
  });
  beforeEach(() => {
    peer.answers(TAKEN);
    other.answers(TAKEN);
  });
  afterEach(async () => {
    // What a test leaves behind must not be tried in the next one.
    await cloud.rows(`update federation.delivery set state = 'cancelled', sealed = null where state = 'waiting'`);
    peer.server.dropConnections();
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop(), other?.stop()]));

  const create = (to = peer) =>
    cloud.json<Outgoing>('POST', '/api/v1/shares/outgoing', {
      owner: alice,
      shareWith: `bob@${to.host}`,
      name: 'Notes',
      resourceId: 'r',
      permission: 'read',
    });
  const offersOf = ({ shareId }: Outgoing, to = peer): RecordedRequest[] =>
    to.received('/shares').filter(({ body }) => (JSON.parse(body) as Json).shareId === shareId);
  const tokenOf = (share: Outgoing): string =>
    JSON.parse(offersOf(share)[0]?.body ?? '{}').protocol[0].options.access_token;
  const inState = (id: string, state: string) =>
    eventually(`${id} ${state}`, async () => {
      const found = await outgoing(cloud, id);
      return found.state === state && found;
    });
  const postponed = (id: string) =>
    eventually(`${id} postponed`, async () => {
      const { delivery } = await outgoing(cloud, id);
      return delivery?.state === 'waiting' && delivery.reason !== null && delivery;
    });
  const sealedOf = (id: string) =>
    cloud.rows(
      `select d.sealed from federation.delivery d join federation.outgoing_share s on s.delivery_id = d.id where s.id = $1`,
      id,
    );

  describe.each<[string, Behaviour, string]>([
    ['500', { kind: 'json', status: 500 }, 'error-5xx'],
    ['503 of a proxy', { kind: 'text', status: 503, contentType: 'text/html', body: '<h1>down</h1>' }, 'error-5xx'],
    ['429', { kind: 'json', status: 429, headers: { 'retry-after': '3600' } }, 'refused-4xx'],
    ['401', { kind: 'json', status: 401, body: { message: 'CLIENT_NOT_AUTHENTICATED' } }, 'refused-401'],
    ['403 SUSPENDED', { kind: 'json', status: 403, body: { message: 'SUSPENDED' } }, 'refused-4xx'],
    ['301', { kind: 'redirect', status: 301, location: 'https://evil.example/shares' }, 'bad-answer'],
    ['a reset in the middle of the body', { kind: 'reset-mid-body' }, ''],
    ['a close before the answer', { kind: 'close-before-answer' }, ''],
    ['no HTTP', { kind: 'garbage' }, ''],
    ['a body without end', { kind: 'huge-body' }, ''],
    ['a huge head', { kind: 'huge-headers', bytes: 200_000 }, ''],
  ])('after %s', (_, odd, reason) => {
    it('it is said again later, word for word under the same key, and then arrives', async () => {
      peer.server.script(odd);
      const share = await create();
      const waiting = await postponed(share.id);
      expect(waiting.attempts).toBe(1);
      if (reason) expect(waiting.reason).toBe(reason);
      expect((await outgoing(cloud, share.id)).state).toBe('pending-delivery');
      const wait = (Date.parse(waiting.nextAttempt ?? '') - Date.now()) / 1000;
      const asked = odd.kind === 'json' && odd.status === 429;
      expect(wait).toBeGreaterThan(asked ? 3_590 : 18);
      expect(wait).toBeLessThan(asked ? 3_601 : 40);
      await deliverNow(cloud);
      await inState(share.id, 'pending');
      const offers = offersOf(share);
      expect(offers).toHaveLength(2);
      expect(new Set(offers.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
      expect(offers[0]?.headers['idempotency-key']).toMatch(/^[\w-]{22,}$/);
      expect(new Set(offers.map(({ body }) => body)).size).toBe(1);
      expect(
        peer.server.requests.filter(
          ({ path }) =>
            !path.startsWith('/shares') && path !== '/notifications' && path !== '/federation/trust-confirmations',
        ),
      ).toEqual([]);
    });
  });

  it.each<[string, Behaviour]>([
    ['201 with HTML', { kind: 'text', status: 201, contentType: 'text/html', body: '<p>ok</p>' }],
    ['201 with broken JSON', { kind: 'text', status: 201, contentType: 'application/json', body: '{"id":' }],
    ['201 with nothing', { kind: 'text', status: 201, contentType: 'text/plain', body: '' }],
    ['201 with a list', { kind: 'json', status: 201, body: [1, 2] }],
    ['201 with odd types', { kind: 'json', status: 201, body: { id: 7, state: { a: 1 } } }],
    ['201 with a state of no meaning', { kind: 'json', status: 201, body: { id: 'x', state: 'withdrawn' } }],
    ['201 with an endless id', { kind: 'json', status: 201, body: { id: 'x'.repeat(300) } }],
    ['200 for 201', { kind: 'json', status: 200, body: { id: 'x' } }],
    ['204', { kind: 'text', status: 204, contentType: 'text/plain', body: '' }],
  ])('%s is a yes: the share is pending', async (_, odd) => {
    peer.server.script(odd);
    const share = await create();
    await inState(share.id, 'pending');
    expect(offersOf(share)).toHaveLength(1);
    expect(await sealedOf(share.id)).toEqual([{ sealed: null }]);
  });

  it.each<[string, Behaviour, string]>([
    [
      '400',
      {
        kind: 'json',
        status: 400,
        body: { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'shareWith', message: 'NOT_FOUND' }] },
      },
      'VALIDATION_FAILED',
    ],
    ['409', { kind: 'json', status: 409, body: { message: 'SHARE_CONFLICT' } }, 'SHARE_CONFLICT'],
    ['403', { kind: 'json', status: 403, body: { message: 'OWNER_DOMAIN_MISMATCH' } }, 'OWNER_DOMAIN_MISMATCH'],
    ['404 of HTML', { kind: 'text', status: 404, contentType: 'text/html', body: '<p>' }, 'HTTP_404'],
    ['501', { kind: 'json', status: 501, body: { message: 'PROTOCOL_NOT_SUPPORTED' } }, 'PROTOCOL_NOT_SUPPORTED'],
    [
      '400 with a code that is none',
      { kind: 'json', status: 400, body: { message: '<script>alert(1)</script>' } },
      'HTTP_400',
    ],
  ])(
    '%s is a no for good: the share has failed, the token is destroyed, the owner is told why',
    async (_, no, code) => {
      peer.server.script(no);
      const share = await create();
      const failed = await inState(share.id, 'failed');
      expect(failed.reason).toBe(code);
      expect(failed.delivery).toMatchObject({ state: 'refused', attempts: 1, reason: code, nextAttempt: null });
      expect(await sealedOf(share.id)).toEqual([{ sealed: null }]);
      const about = () => told.filter((event) => event.share === share.id);
      await eventually('alice is told', async () => about().length > 0);
      expect(about()).toMatchObject([{ type: 'share-undeliverable', reason: code, name: 'Notes' }]);
      expect((await auditOf(cloud, share.id)).at(-1)).toMatchObject({
        action: 'share.failed',
        details: { reason: code },
      });
      await deliverNow(cloud);
      expect(offersOf(share)).toHaveLength(1);
      expect(await introspect(cloud, tokenOf(share))).toEqual({ active: false });
    },
  );

  it('an offer that found nobody in all its time has failed, and the owner is told', async () => {
    peer.answers({ kind: 'json', status: 503 });
    const share = await create();
    await postponed(share.id);
    await cloud.rows(
      `update federation.delivery set expires_at = now() where state = 'waiting' and kind = 'share-offer'`,
    );
    await deliverNow(cloud);
    expect((await inState(share.id, 'failed')).reason).toBe('error-5xx');
    await eventually('alice is told', async () =>
      told.some((event) => event.share === share.id && event.type === 'share-undeliverable'),
    );
    const accepted = await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: share.shareId });
    expect(accepted.status).toBe(201);
    expect((await outgoing(cloud, share.id)).state).toBe('accepted');
    expect(await introspect(cloud, tokenOf(share))).toMatchObject({ active: true });
  });
});
