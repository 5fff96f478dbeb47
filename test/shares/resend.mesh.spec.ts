import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, TestCloud } from '../support/cloud.js';
import { auditOf, bodyOf, introspect, type Json, type Outgoing, outgoing, randomName } from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

describe('a share that failed', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let alice: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud1', authority });
    alice = await cloud.createAccount('alice');
    cloud.makeResource(alice, 'notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud2');
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));
  beforeEach(takeOffers);

  function takeOffers(): void {
    peer.answers({ kind: 'json', status: 201, body: { state: 'pending' } });
  }

  /** Offers only: what else it is told, it takes. */
  function refuseOffers(): void {
    peer.answers(({ path }) => ({ kind: 'json', status: path === '/shares' ? 400 : 201, body: {} }));
  }

  async function failed(more: Json = {}): Promise<Outgoing> {
    refuseOffers();
    const wanted = { owner: alice, shareWith: `bob@${peer.host}`, name: 'Notes', description: 'Season', ...more };
    const { id } = await cloud.json<Outgoing>('POST', '/api/v1/shares/outgoing', {
      ...wanted,
      resourceId: 'notes',
      permission: 'read_write',
    });
    const share = await becomes(id, 'failed');
    takeOffers();
    return share;
  }

  function becomes(id: string, state: string): Promise<Outgoing> {
    return eventually(`${id} is ${state}`, async () => {
      const share = await outgoing(cloud, id);
      return share.state === state && share;
    });
  }

  function resend(id: string, key?: string) {
    const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
    return cloud.api('POST', `/api/v1/shares/outgoing/${id}/resend`, undefined, { headers });
  }

  const offers = () => peer.received('/shares').map(({ body }) => JSON.parse(body) as Json);
  const offerOf = ({ shareId }: Outgoing) => offers().find((offer) => offer.shareId === shareId) ?? {};
  const tokenOf = (share: Outgoing) =>
    (offerOf(share).protocol as { options: { access_token: string } }[])[0]?.options.access_token;

  it('is offered again as another share: new id, new token, all else as before; the old one names it', async () => {
    const old = await failed();
    const answer = await resend(old.id);
    expect(answer.status).toBe(201);
    const created = bodyOf(answer) as unknown as Outgoing;
    expect(created).toMatchObject({ state: 'pending-delivery', name: 'Notes', description: 'Season', resentAs: null });
    expect(created.id).not.toBe(old.id);
    await becomes(created.id, 'pending');
    const { shareId, protocol, ...same } = offerOf(created);
    const { shareId: oldShareId, protocol: oldProtocol, ...before } = offerOf(old);
    expect(same).toEqual(before);
    expect(shareId).not.toBe(oldShareId);
    expect(protocol).not.toEqual(oldProtocol);
    expect(await outgoing(cloud, old.id)).toMatchObject({ state: 'failed', resentAs: created.id });
    expect((await auditOf(cloud, old.id)).map(({ action }) => action)).toEqual([
      'share.created',
      'share.failed',
      'share.resent',
    ]);
  });

  it('may have arrived after all: the old one is taken back, so that nobody is invited twice', async () => {
    const old = await failed();
    await resend(old.id);
    const told = () => peer.received('/notifications').map(({ body }) => JSON.parse(body) as Json);
    const message = await eventually('it is told', async () => told().find(({ shareId }) => shareId === old.shareId));
    expect(message).toMatchObject({ type: 'SHARE_UNSHARED' });
    const late = await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: old.shareId });
    expect([late.status, bodyOf(late).message]).toEqual([409, 'SHARE_WITHDRAWN']);
    expect(await introspect(cloud, String(tokenOf(old)))).toEqual({ active: false });
  });

  it('may be accepted after all, if it was refused too: its token works from then on, and the sealed one is gone', async () => {
    const old = await failed();
    const sealed = `select sealed from federation.delivery where kind = 'share-offer' and meaning ->> 'share' = $1`;
    expect(await cloud.rows(sealed, old.id)).toEqual([{ sealed: null }]);
    expect(await introspect(cloud, String(tokenOf(old)))).toEqual({ active: false });
    expect((await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: old.shareId })).status).toBe(201);
    expect(await outgoing(cloud, old.id)).toMatchObject({ state: 'accepted', reason: null });
    expect(await introspect(cloud, String(tokenOf(old)))).toMatchObject({ active: true, scope: 'read_write' });
    expect((await resend(old.id)).status).toBe(409);
  });

  it('is sent again once; of two calls at once one makes a share', async () => {
    const old = await failed();
    const answers = await Promise.all([resend(old.id), resend(old.id), resend(old.id)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    const again = await resend(old.id);
    expect([again.status, bodyOf(again).message]).toEqual([409, 'STATE_CONFLICT']);
  });

  it('under an Idempotency-Key a repeat gives the same share', async () => {
    const [old, key] = [await failed(), randomName()];
    const answers = [await resend(old.id, key), await resend(old.id, key)];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers[1]?.text).toBe(answers[0]?.text);
    const other = await resend((await failed()).id, key);
    expect([other.status, bodyOf(other).message]).toEqual([409, 'STATE_CONFLICT']);
  });

  it('can be sent again and again, each time from the one that failed last', async () => {
    const first = await failed();
    refuseOffers();
    const second = await becomes(String(bodyOf(await resend(first.id)).id), 'failed');
    takeOffers();
    const third = await becomes(String(bodyOf(await resend(second.id)).id), 'pending');
    expect(await outgoing(cloud, second.id)).toMatchObject({ state: 'failed', resentAs: third.id });
    expect((await resend(third.id)).status).toBe(409);
  });

  it.each<[string, (share: Outgoing) => Promise<unknown>, string, string]>([
    [
      'its time is over',
      ({ id }) =>
        cloud.rows(`update federation.outgoing_share set expires_at = now() - interval '1 s' where id = $1`, id),
      'expiresAt',
      'INVALID',
    ],
    [
      'the owner may share it no more',
      ({ id }) => cloud.rows(`update federation.outgoing_share set resource_id = 'gone' where id = $1`, id),
      'resourceId',
      'NOT_FOUND',
    ],
    [
      'its owner is gone',
      ({ id }) => cloud.rows(`update federation.outgoing_share set owner_account = 'gone' where id = $1`, id),
      'owner',
      'NOT_FOUND',
    ],
  ])('is not sent again if %s', async (_, spoil, name, message) => {
    const old = await failed();
    await spoil(old);
    const refused = await resend(old.id);
    expect(refused.status).toBe(400);
    expect(bodyOf(refused)).toEqual({ message: 'VALIDATION_FAILED', validationErrors: [{ name, message }] });
    expect(await outgoing(cloud, old.id)).toMatchObject({ state: 'failed', resentAs: null });
  });

  it('an unknown one is 404', async () => {
    const answer = await resend('nothing');
    expect([answer.status, bodyOf(answer).message]).toEqual([404, 'RESOURCE_NOT_FOUND']);
  });
});
