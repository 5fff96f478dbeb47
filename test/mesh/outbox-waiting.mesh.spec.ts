import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FederationEvent, FederationEvents } from '../../src/host/federation-events.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import {
  bodyOf,
  deliverNow,
  introspect,
  type Json,
  type Outgoing,
  offer,
  outgoing,
  whileHolding,
} from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { eventually, serviceOf, TestCloud } from '../support/cloud.js';
import type { Behaviour, CallResult, RecordedRequest } from '../support/hostile-peer.js';

const TAKEN: Behaviour = { kind: 'json', status: 201, body: { id: 'remote', state: 'pending' } };

describe('what happens while a peer keeps us waiting', () => {
  let authority: CertificateAuthority;
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let other: ScriptedPeer;
  let alice: string;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud1', authority });
    alice = await cloud.createAccount('alice');
    cloud.makeResource(alice, 'r');
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

  describe('while the offer hangs', () => {
    const hang = () =>
      peer.answers(({ path }) => (path === '/shares' ? { kind: 'hang' } : { kind: 'json', status: 201 }));
    const answerHanging = async (share: Outgoing) => {
      await eventually('it is under way', async () => offersOf(share).length > 0);
    };

    it('a withdrawal is true at once, told, and the offer is never made again', async () => {
      hang();
      const share = await create();
      await answerHanging(share);
      const token = tokenOf(share);
      expect((await cloud.api('DELETE', `/api/v1/shares/outgoing/${share.id}`)).status).toBe(204);
      await eventually('the withdrawal is told', async () =>
        peer.received('/notifications').some(({ body }) => JSON.parse(body).shareId === share.shareId),
      );
      peer.server.dropConnections();
      await new Promise((resolve) => setTimeout(resolve, 150));
      const after = await outgoing(cloud, share.id);
      expect(after).toMatchObject({ state: 'withdrawn', delivery: { state: 'cancelled' } });
      expect(await sealedOf(share.id)).toEqual([{ sealed: null }]);
      expect(await introspect(cloud, token)).toEqual({ active: false });
      expect(offersOf(share)).toHaveLength(1);
    });

    it('an acceptance that comes before the 201 counts, and the 201 only adds the other cloud’s id', async () => {
      hang();
      const share = await create();
      await answerHanging(share);
      const accepted = await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: share.shareId });
      expect(accepted.status).toBe(201);
      expect((await outgoing(cloud, share.id)).state).toBe('accepted');
      peer.answers({ kind: 'json', status: 201, body: { id: 'r-1', state: 'pending' } });
      peer.server.dropConnections();
      await postponed(share.id);
      await deliverNow(cloud);
      await eventually(
        'it is delivered',
        async () => (await outgoing(cloud, share.id)).delivery?.state === 'delivered',
      );
      expect((await outgoing(cloud, share.id)).state).toBe('accepted');
      const [row] = await cloud.rows('select remote_id from federation.outgoing_share where id = $1', share.id);
      expect(row).toEqual({ remote_id: 'r-1' });
      expect(await introspect(cloud, tokenOf(share))).toMatchObject({ active: true });
    });

    it('a decline that comes before the 201 stays', async () => {
      hang();
      const share = await create();
      await answerHanging(share);
      expect((await peer.post('/notifications', { type: 'SHARE_DECLINED', shareId: share.shareId })).status).toBe(201);
      peer.answers(TAKEN);
      peer.server.dropConnections();
      await postponed(share.id);
      await deliverNow(cloud);
      await eventually(
        'it is delivered',
        async () => (await outgoing(cloud, share.id)).delivery?.state === 'delivered',
      );
      expect((await outgoing(cloud, share.id)).state).toBe('declined');
      expect(await introspect(cloud, tokenOf(share))).toEqual({ active: false });
    });

    it('changes wait behind it and go out in their order, while another peer’s messages go through', async () => {
      peer.answers({ kind: 'json', status: 503 });
      const share = await create();
      await postponed(share.id);
      for (const permission of ['read_write', 'admin', 'read']) {
        await cloud.json('PATCH', `/api/v1/shares/outgoing/${share.id}`, { permission });
      }
      const elsewhere = await create(other);
      await inState(elsewhere.id, 'pending');
      const before = peer.received('/notifications').length;
      peer.answers(TAKEN);
      expect(peer.received('/notifications')).toHaveLength(before);
      await deliverNow(cloud);
      const messages = await eventually('all are told', async () => {
        const sent = peer.received('/notifications').slice(before);
        return sent.length === 3 && sent.map(({ body }) => JSON.parse(body) as Json);
      });
      expect(messages.map(({ permission, sequence }) => [permission, sequence])).toEqual([
        ['read_write', 1],
        ['admin', 2],
        ['read', 3],
      ]);
      // The offer is frozen: it says what it said when it was made.
      expect(offersOf(share).map(({ body }) => (JSON.parse(body) as Json).permission)).toEqual(['read', 'read']);
    });

    it('five attempts hang at most, and another peer is served meanwhile', async () => {
      hang();
      const shares = await Promise.all(Array.from({ length: 12 }, () => create()));
      const hanging = () => shares.filter((share) => offersOf(share).length > 0).length;
      await eventually('five hang', async () => hanging() >= 5);
      const elsewhere = await Promise.all(Array.from({ length: 6 }, () => create(other)));
      await Promise.all(elsewhere.map(({ id }) => inState(id, 'pending')));
      expect(hanging()).toBe(5);
      for (const { id } of shares) await cloud.api('DELETE', `/api/v1/shares/outgoing/${id}`);
    });
  });

  it('a host whose ear is broken is told again, and holds up nobody', async () => {
    const share = await create();
    await inState(share.id, 'pending');
    const heard: FederationEvent[] = [];
    let isBroken = true;
    vi.spyOn(cloud.get(FederationEvents), 'tell').mockImplementation(async (event) => {
      if (isBroken && event.share === share.id) throw new Error('broken');
      heard.push(event);
    });
    await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: share.shareId });
    const waiting = () =>
      cloud.rows(`select reason from federation.delivery where kind = 'host-event' and state = 'waiting'`);
    await eventually('it was tried', async () => (await waiting()).some(({ reason }) => reason === 'internal-error'));
    const another = await create();
    await inState(another.id, 'pending');
    await peer.post('/notifications', { type: 'SHARE_DECLINED', shareId: another.shareId });
    await eventually('the other event is told', async () => heard.some((event) => event.share === another.id));
    isBroken = false;
    await deliverNow(cloud);
    await eventually('the first is told', async () => heard.some((event) => event.share === share.id));
    expect(heard.filter((event) => event.share === share.id)).toMatchObject([{ type: 'share-accepted' }]);
    expect((await outgoing(cloud, share.id)).state).toBe('accepted');
  });

  it('what there is to say to a suspended peer waits, and is said when it is trusted again', async () => {
    const share = await create();
    await inState(share.id, 'pending');
    const setState = (state: string) =>
      cloud.rows('update federation.relationship set state = $2 where id = $1', peer.relationship, state);
    await setState('SUSPENDED');
    await cloud.json('DELETE', `/api/v1/shares/outgoing/${share.id}`);
    const waiting = await eventually('it was tried', async () => {
      const [row] = await cloud.rows(
        `select state, reason from federation.delivery where state = 'waiting' and reason is not null`,
      );
      return row;
    });
    expect(waiting).toEqual({ state: 'waiting', reason: 'not-trusted' });
    const about = () =>
      peer.received('/notifications').filter(({ body }) => JSON.parse(body).shareId === share.shareId);
    expect(about()).toEqual([]);
    await setState('TRUSTED');
    await deliverNow(cloud);
    await eventually('it is told', async () => about().length === 1);
  });

  it.each(['/shares', '/notifications'])(
    'a call to %s that is under way when trust ends leaves nothing',
    async (path) => {
      const fading = await ScriptedPeer.trustedBy(cloud, authority, `fading-${path.slice(1)}`);
      const body = path === '/shares' ? offer(fading, alice) : { type: 'HELLO' };
      let calls: Promise<CallResult>[] = [];
      const revoke = `update federation.relationship set state = 'REVOKED' where id = '${fading.relationship}'`;
      await whileHolding(cloud, revoke, 'commit', async () => {
        calls = Array.from({ length: 4 }, () => fading.post(path, body));
        await new Promise((resolve) => setTimeout(resolve, 200));
      });
      for (const { status, text } of await Promise.all(calls)) {
        expect([status, text]).toEqual([401, '{"message":"CLIENT_NOT_AUTHENTICATED"}']);
      }
      const table = path === '/shares' ? 'incoming_share' : 'received_notification';
      expect(
        await cloud.rows(`select id from federation.${table} where relationship_id = $1`, fading.relationship),
      ).toEqual([]);
      await fading.stop();
    },
  );

  it('revoked trust takes back what waits, and nothing starts afterwards', async () => {
    const gone = await ScriptedPeer.trustedBy(cloud, authority, 'cloud4');
    gone.answers({ kind: 'json', status: 503 });
    const shares = await Promise.all(Array.from({ length: 8 }, () => create(gone)));
    await Promise.all(shares.map(({ id }) => postponed(id)));
    const service = await serviceOf(cloud, gone.server.origin);
    gone.answers(TAKEN);
    expect((await cloud.api('DELETE', `/admin/services/${service?.id}`)).status).toBe(204);
    const requests = gone.received('/shares').length;
    const rows = await cloud.rows<{ state: string; sealed: string | null }>(
      `select distinct state, sealed from federation.delivery where peer = $1 and kind like 'share%'`,
      gone.relationship,
    );
    expect(rows).toEqual([{ state: 'cancelled', sealed: null }]);
    await deliverNow(cloud);
    await eventually('the notice alone is told', async () => gone.received('/federation/trust').length === 1);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(gone.received('/shares')).toHaveLength(requests);
    for (const share of shares) expect((await outgoing(cloud, share.id)).state).toBe('withdrawn');
    const refused = await cloud.api('POST', '/api/v1/shares/outgoing', {
      owner: alice,
      shareWith: `bob@${gone.host}`,
      name: 'Notes',
      resourceId: 'r',
      permission: 'read',
    });
    expect(bodyOf(refused).validationErrors).toEqual([{ name: 'shareWith', message: 'NOT_FOUND' }]);
    await gone.stop();
  });
});
