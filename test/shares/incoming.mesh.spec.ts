import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, TestCloud } from '../support/cloud.js';
import type { Behaviour } from '../support/hostile-peer.js';
import {
  auditOf,
  bodyOf,
  deliverNow,
  type Incoming,
  incoming,
  type Json,
  listenTo,
  offer,
  randomName,
} from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

const OK: Behaviour = { kind: 'json', status: 201 };

describe('answering what another cloud shares', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let bob: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    bob = await cloud.createAccount('bob');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
  });
  beforeEach(() => peer.answers(OK));
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

  async function offered(more: Json = {}): Promise<{ id: string; shareId: string; body: Json }> {
    const body = offer(peer, bob, more);
    const answer = await peer.post('/shares', body);
    if (answer.status !== 201) throw new Error(answer.text);
    return { id: String(bodyOf(answer).id), shareId: String(body.shareId), body };
  }
  const act = (id: string, what: 'accept' | 'decline') => cloud.api('POST', `/api/v1/shares/incoming/${id}/${what}`);
  const leave = (id: string) => cloud.api('DELETE', `/api/v1/shares/incoming/${id}`);
  const access = (id: string) => cloud.api('GET', `/api/v1/shares/incoming/${id}/access`);
  const confirmed = (id: string) => eventually('confirmed', async () => (await incoming(cloud, id)).confirmed);
  const messagesAbout = (shareId: string): Json[] =>
    peer
      .received('/notifications')
      .map(({ body }) => JSON.parse(body) as Json)
      .filter((message) => message.shareId === shareId);
  const told = (shareId: string, count: number) =>
    eventually(`${count} messages`, async () => messagesAbout(shareId).length >= count && messagesAbout(shareId));
  const actionsOn = async (id: string) => (await auditOf(cloud, id)).map(({ action }) => action);
  const end = (shareId: string) => peer.post('/notifications', { type: 'SHARE_UNSHARED', shareId });

  it('shows it with everything but the credentials', async () => {
    const { id, shareId, body } = await offered({ expiration: 4_000_000_000 });
    const answer = await cloud.api('GET', `/api/v1/shares/incoming/${id}`);
    expect(bodyOf(answer)).toEqual({
      id,
      shareId,
      owner: body.owner,
      shareWith: bob,
      recipient: expect.any(String),
      name: 'foo',
      description: 'foobar',
      permission: 'read_write',
      expiresAt: new Date(4_000_000_000_000).toISOString(),
      state: 'pending',
      reason: null,
      confirmed: false,
      protocols: ['pf_classic'],
      createdAt: expect.any(String),
      changedAt: expect.any(String),
    });
    expect(answer.text).not.toContain('token-');
  });

  describe('accepting', () => {
    it('is told with the share’s own name, then confirmed, then gives access: audited each time', async () => {
      const { id, shareId, body } = await offered();
      const answer = await act(id, 'accept');
      expect([answer.status, bodyOf(answer).state]).toEqual([200, 'accepted']);
      await confirmed(id);
      expect(await told(shareId, 1)).toEqual([{ type: 'SHARE_ACCEPTED', shareId, providerId: body.providerId }]);
      const given = await access(id);
      expect(given.status).toBe(200);
      expect(bodyOf(given)).toEqual({ protocols: body.protocol });
      await access(id);
      expect(await actionsOn(id)).toEqual([
        'share.offered',
        'share.accepted',
        'share.confirmed',
        'share.access-read',
        'share.access-read',
      ]);
    });

    it('gives nothing before the provider has answered: 409 with the time to come back', async () => {
      peer.answers({ kind: 'json', status: 503 });
      const { id } = await offered();
      expect(bodyOf(await access(id)).message).toBe('STATE_CONFLICT');
      await act(id, 'accept');
      await eventually('tried', async () => peer.received('/notifications').length > 0);
      const early = await access(id);
      expect([early.status, bodyOf(early)]).toEqual([409, { message: 'NOT_YET_CONFIRMED' }]);
      expect(Number(early.headers['retry-after'])).toBeGreaterThan(0);
      expect(await actionsOn(id)).not.toContain('share.access-read');
      peer.answers(OK);
      await deliverNow(cloud);
      await confirmed(id);
      expect((await access(id)).status).toBe(200);
    });

    it('twice, or fifty times at once, has one effect and says it once', async () => {
      const { id, shareId } = await offered();
      const answers = await Promise.all(Array.from({ length: 50 }, () => act(id, 'accept')));
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
      await confirmed(id);
      expect((await act(id, 'accept')).status).toBe(200);
      expect(await actionsOn(id)).toEqual(['share.offered', 'share.accepted', 'share.confirmed']);
      await leave(id);
      const messages = await told(shareId, 2);
      expect(messages.map(({ type }) => type)).toEqual(['SHARE_ACCEPTED', 'SHARE_REMOVED']);
    });

    it('and declining at once: one wins, the other is a conflict', async () => {
      const { id } = await offered();
      const [accepted, declined] = await Promise.all([act(id, 'accept'), act(id, 'decline')]);
      expect([accepted.status, declined.status].sort()).toEqual([200, 409]);
      const { state } = await incoming(cloud, id);
      expect(state).toBe(accepted.status === 200 ? 'accepted' : 'declined');
    });

    it('of a share that the owner withdrew in the meantime is a conflict', async () => {
      const { id, shareId } = await offered();
      await end(shareId);
      const answer = await act(id, 'accept');
      expect([answer.status, bodyOf(answer).message]).toEqual([409, 'STATE_CONFLICT']);
    });

    it.each([
      ['withdrawn', 409, 'SHARE_WITHDRAWN'],
      ['unknown by now', 404, 'RESOURCE_NOT_FOUND'],
    ])('of a share that its provider calls %s ends it here, and bob is told', async (_, status, message) => {
      const events = listenTo(cloud);
      peer.answers({ kind: 'json', status, body: { message } });
      const { id } = await offered();
      await act(id, 'accept');
      await eventually('it has ended', async () => (await incoming(cloud, id)).state === 'revoked');
      expect(await incoming(cloud, id)).toMatchObject({ reason: message, confirmed: false });
      expect(await cloud.rows('select protocols_sealed from federation.incoming_share where id = $1', id)).toEqual([
        { protocols_sealed: null },
      ]);
      expect(await actionsOn(id)).toEqual(['share.offered', 'share.accepted', 'share.revoked']);
      await eventually('bob is told', async () =>
        events.some((one) => one.share === id && one.type === 'share-withdrawn'),
      );
      expect((await access(id)).status).toBe(409);
    });

    it('of a share that expired on the way waits again, until its owner prolongs it; bob is told why', async () => {
      const events = listenTo(cloud);
      peer.answers({ kind: 'json', status: 503 });
      const { id, shareId } = await offered();
      await act(id, 'accept');
      await cloud.rows(
        `update federation.incoming_share set expires_at = now() - interval '1 second' where id = $1`,
        id,
      );
      peer.answers({ kind: 'json', status: 409, body: { message: 'STATE_CONFLICT' } });
      await deliverNow(cloud);
      await eventually('it is undone', async () => (await actionsOn(id)).includes('share.acceptance-undone'));
      expect(await incoming(cloud, id)).toMatchObject({ state: 'expired', reason: 'STATE_CONFLICT' });
      const changes = () => events.filter((one) => one.share === id && one.type === 'share-changed');
      await eventually('bob is told', async () => changes().length > 0);
      expect(changes()).toMatchObject([{ reason: 'STATE_CONFLICT', name: 'foo', counterpart: `alice@${peer.host}` }]);
      peer.answers(OK);
      await peer.post('/notifications', { type: 'SHARE_UPDATED', shareId, expiration: null, sequence: 1 });
      expect((await incoming(cloud, id)).state).toBe('pending');
      expect((await act(id, 'accept')).status).toBe(200);
      await confirmed(id);
      expect((await access(id)).status).toBe(200);
    });

    it('that could not be told in all its time can be done again; bob is told why', async () => {
      const events = listenTo(cloud);
      peer.answers({ kind: 'json', status: 503 });
      const { id } = await offered();
      await act(id, 'accept');
      await cloud.rows(
        `update federation.delivery set expires_at = now() where state = 'waiting' and kind = 'share-message'`,
      );
      await deliverNow(cloud);
      await eventually('it waits again', async () => (await incoming(cloud, id)).state === 'pending');
      expect(await incoming(cloud, id)).toMatchObject({ reason: 'error-5xx', confirmed: false });
      await eventually('bob is told', async () =>
        events.some((one) => one.share === id && one.type === 'share-changed' && one.reason === 'error-5xx'),
      );
      peer.answers(OK);
      await act(id, 'accept');
      await confirmed(id);
      expect((await incoming(cloud, id)).reason).toBeNull();
    });
  });

  describe('declining and leaving', () => {
    it('declining is told once, destroys the token, and cannot be taken back', async () => {
      const { id, shareId } = await offered();
      expect(bodyOf(await act(id, 'decline')).state).toBe('declined');
      expect((await act(id, 'decline')).status).toBe(200);
      expect((await leave(id)).status).toBe(204);
      expect((await act(id, 'accept')).status).toBe(409);
      await told(shareId, 1);
      expect(messagesAbout(shareId).map(({ type }) => type)).toEqual(['SHARE_DECLINED']);
      expect(await cloud.rows('select protocols_sealed from federation.incoming_share where id = $1', id)).toEqual([
        { protocols_sealed: null },
      ]);
      expect(await actionsOn(id)).toEqual(['share.offered', 'share.declined']);
    });

    it('leaving an accepted share is told after its acceptance, and again changes nothing', async () => {
      const { id, shareId } = await offered();
      await act(id, 'accept');
      expect((await leave(id)).status).toBe(204);
      expect((await leave(id)).status).toBe(204);
      expect(await incoming(cloud, id)).toMatchObject({ state: 'left', confirmed: false });
      expect((await told(shareId, 2)).map(({ type }) => type)).toEqual(['SHARE_ACCEPTED', 'SHARE_REMOVED']);
      expect((await access(id)).status).toBe(409);
      expect((await act(id, 'decline')).status).toBe(409);
      expect((await incoming(cloud, id)).state).toBe('left');
    });

    it('leaving one that waits declines it', async () => {
      const { id, shareId } = await offered();
      expect((await leave(id)).status).toBe(204);
      expect((await incoming(cloud, id)).state).toBe('declined');
      expect((await told(shareId, 1)).map(({ type }) => type)).toEqual(['SHARE_DECLINED']);
    });

    it('declining an accepted one is a conflict: it can be left', async () => {
      const { id } = await offered();
      await act(id, 'accept');
      const answer = await act(id, 'decline');
      expect([answer.status, bodyOf(answer).message]).toEqual([409, 'STATE_CONFLICT']);
    });

    it('leaving one that its owner withdrew is a conflict, and nothing is said', async () => {
      const { id, shareId } = await offered();
      await end(shareId);
      const answer = await leave(id);
      expect([answer.status, bodyOf(answer).message]).toEqual([409, 'STATE_CONFLICT']);
      expect(messagesAbout(shareId)).toEqual([]);
    });

    it('a plain share without an id of its own is named by resource and recipient', async () => {
      const providerId = randomName();
      const { id } = await offered({ shareId: undefined, permission: undefined, providerId });
      await act(id, 'accept');
      await confirmed(id);
      const messages = peer.received('/notifications').map(({ body }) => JSON.parse(body) as Json);
      expect(messages.filter((message) => message.providerId === providerId)).toEqual([
        { type: 'SHARE_ACCEPTED', providerId, shareWith: bob },
      ]);
    });
  });

  it('an unknown one is 404 in every call', async () => {
    const calls = [
      act('x', 'accept'),
      act('x', 'decline'),
      leave('x'),
      access('x'),
      cloud.api('GET', '/api/v1/shares/incoming/x'),
    ];
    for (const answer of await Promise.all(calls)) {
      expect([answer.status, bodyOf(answer).message]).toEqual([404, 'RESOURCE_NOT_FOUND']);
    }
  });

  describe('lists', () => {
    const list = async (query: string) =>
      (await cloud.json<{ items: Incoming[]; next: string | null }>('GET', `/api/v1/shares/incoming?${query}`)).items;

    it('are newest first, by recipient and by the state of this moment', async () => {
      const carol = await cloud.createAccount('carol');
      const first = await offered({ shareWith: carol });
      const second = await offered({ shareWith: carol });
      const third = await offered({ shareWith: carol, expiration: 1_000_000_000 });
      const ids = async (query: string) => (await list(`recipient=${carol}${query}`)).map(({ id }) => id);
      expect(await ids('')).toEqual([third.id, second.id, first.id]);
      expect(await ids('&state=expired')).toEqual([third.id]);
      expect(await ids('&state=pending')).toEqual([second.id, first.id]);
      expect(await list(`recipient=nobody@${cloud.host}`)).toEqual([]);
    });

    it.each(['state=gone', 'cursor=x', 'limit=-1'])('refuse %s', async (query) => {
      const answer = await cloud.api('GET', `/api/v1/shares/incoming?${query}`);
      expect([answer.status, bodyOf(answer).message]).toEqual([400, 'VALIDATION_FAILED']);
    });
  });

  it('deleting the account leaves what it accepted and declines what waits', async () => {
    const dave = await cloud.createAccount('dave');
    const kept = await offered({ shareWith: dave });
    const waiting = await offered({ shareWith: dave });
    await act(kept.id, 'accept');
    const { items } = await cloud.json<{ items: { id: string; username: string }[] }>('GET', '/api/v1/accounts');
    await cloud.api('DELETE', `/api/v1/accounts/${items.find(({ username }) => username === dave)?.id}`);
    expect((await incoming(cloud, kept.id)).state).toBe('left');
    expect((await incoming(cloud, waiting.id)).state).toBe('declined');
    expect((await told(kept.shareId, 2)).map(({ type }) => type)).toEqual(['SHARE_ACCEPTED', 'SHARE_REMOVED']);
  });

  it('a sealed token that was moved to another row does not open', async () => {
    const [one, two] = [await offered(), await offered()];
    await act(two.id, 'accept');
    await confirmed(two.id);
    await cloud.rows(
      `update federation.incoming_share set protocols_sealed =
         (select protocols_sealed from federation.incoming_share where id = $1) where id = $2`,
      one.id,
      two.id,
    );
    const answer = await access(two.id);
    expect([answer.status, answer.text]).toEqual([500, '{"message":"INTERNAL_ERROR"}']);
    expect(await actionsOn(two.id)).not.toContain('share.access-read');
  });
});
