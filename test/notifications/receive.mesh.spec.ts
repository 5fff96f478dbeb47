import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FederationEvent } from '../../src/host/federation-events.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { bodyOf, type Json, listenTo, offer, randomName } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { eventually, TestCloud } from '../support/cloud.js';

describe('POST /notifications from a trusted peer', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let other: ScriptedPeer;
  let bob: string;
  let told: FederationEvent[];

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    bob = await cloud.createAccount('bob');
    await cloud.createAccount('carol');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    other = await ScriptedPeer.trustedBy(cloud, authority, 'cloud3');
    told = listenTo(cloud);
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop(), other?.stop()]));

  const notify = (type: string, more: Json, headers?: Record<string, string>) =>
    peer.post('/notifications', { type, ...more }, headers);

  async function offered(more: Json = {}): Promise<{ id: string; shareId: string; body: Json }> {
    const body = offer(peer, bob, { permission: 'read', providerId: randomName(), ...more });
    const answer = await peer.post('/shares', body);
    if (answer.status !== 201) throw new Error(answer.text);
    return { id: String(bodyOf(answer).id), shareId: String(body.shareId), body };
  }

  const share = (id: string) => peer.get(`/shares/${id}`).then(bodyOf);

  it.each(['', '/ocm'])(
    '%s/notifications answers 201 with a Location under its own mount, readable there',
    async (mount) => {
      const { shareId } = await offered();
      const body = {
        type: 'SHARE_UPDATED',
        shareId,
        name: 'Renamed',
        description: 'why',
        expiration: null,
        sequence: 1,
      };
      const answer = await peer.post(`${mount}/notifications`, { ...body, message: 'moved', id: 'mine', extra: 1 });
      expect(answer.status).toBe(201);
      expect(answer.headers['content-type']).toMatch(/^application\/hal\+json/);
      const { id } = bodyOf(answer);
      expect(id).toMatch(/^[\w-]{22,}$/);
      expect(answer.headers.location).toBe(`${mount}/notifications/${id}`);
      const resource = {
        ...body,
        id,
        message: 'moved',
        createdAt: expect.stringMatching(/Z$/),
        _links: { self: { href: `${mount}/notifications/${id}` } },
      };
      expect(bodyOf(answer)).toEqual(resource);
      const read = await peer.get(`${mount}/notifications/${id}`);
      expect(read.status).toBe(200);
      expect(bodyOf(read)).toEqual(bodyOf(answer));
    },
  );

  it('a type that nobody knows is stored without effect', async () => {
    const { id, shareId } = await offered();
    const before = await share(id);
    const answer = await notify('ACME_POKE', { shareId, permission: 'admin', message: 'hi' });
    expect(answer.status).toBe(201);
    expect(bodyOf(await peer.get(String(answer.headers.location)))).toMatchObject({ type: 'ACME_POKE', message: 'hi' });
    expect(await share(id)).toEqual(before);
  });

  describe('changes', () => {
    it('apply what they name, and tell the recipient once each', async () => {
      const { id, shareId } = await offered();
      await notify('SHARE_PERMISSION_CHANGED', { shareId, permission: 'admin', sequence: 1 });
      expect(await share(id)).toMatchObject({ permission: 'admin', name: 'foo' });
      await notify('SHARE_UPDATED', { shareId, name: 'bar', expiration: 4_000_000_000, sequence: 2 });
      expect(await share(id)).toMatchObject({
        permission: 'admin',
        name: 'bar',
        description: 'foobar',
        expiration: 4_000_000_000,
      });
      await notify('SHARE_UPDATED', { shareId, expiration: null, sequence: 3 });
      expect(await share(id)).not.toHaveProperty('expiration');
      await eventually('bob is told', async () => told.filter((event) => event.share === id).length === 4);
      expect(told.filter((event) => event.share === id).map(({ type }) => type)).toEqual([
        'share-invited',
        'share-changed',
        'share-changed',
        'share-changed',
      ]);
    });

    it.each([
      ['equal', 5],
      ['lower', 4],
      ['the lowest', 1],
    ])('with a sequence that is %s have no effect, and are answered 201', async (_, sequence) => {
      const { id, shareId } = await offered();
      await notify('SHARE_PERMISSION_CHANGED', { shareId, permission: 'admin', sequence: 5 });
      const answer = await notify('SHARE_PERMISSION_CHANGED', { shareId, permission: 'read', sequence });
      expect(answer.status).toBe(201);
      expect((await share(id)).permission).toBe('admin');
    });

    it('share one sequence, whatever their type; gaps are fine', async () => {
      const { id, shareId } = await offered();
      await notify('SHARE_UPDATED', { shareId, name: 'later', sequence: 9_007_199_254_740_991 });
      const answer = await notify('SHARE_PERMISSION_CHANGED', { shareId, permission: 'admin', sequence: 8 });
      expect(answer.status).toBe(201);
      expect(await share(id)).toMatchObject({ name: 'later', permission: 'read' });
    });

    it('without key and sequence, a repeat is no news: one effect, one message to bob', async () => {
      const { id, shareId } = await offered();
      for (let at = 0; at < 3; at += 1) {
        const answer = await notify('SHARE_PERMISSION_CHANGED', { shareId, permission: 'admin' });
        expect(answer.status).toBe(201);
      }
      await notify('SHARE_UNSHARED', { shareId });
      await eventually('bob is told of the end', async () =>
        told.some((event) => event.share === id && event.type === 'share-withdrawn'),
      );
      expect(told.filter((event) => event.share === id && event.type === 'share-changed')).toHaveLength(1);
    });

    it('of a permission that cannot be given are refused', async () => {
      const { id, shareId } = await offered();
      for (const permission of ['owner', 'everything', 7, undefined]) {
        const answer = await notify('SHARE_PERMISSION_CHANGED', { shareId, permission });
        expect(answer.status, String(permission)).toBe(400);
      }
      expect((await share(id)).permission).toBe('read');
    });
  });

  describe('an Idempotency-Key', () => {
    it('repeated has one effect and the same answer, whatever happened in between', async () => {
      const { id, shareId } = await offered();
      const key = { 'idempotency-key': randomName() };
      const message = { shareId, permission: 'admin' };
      const first = await notify('SHARE_PERMISSION_CHANGED', message, key);
      await notify('SHARE_PERMISSION_CHANGED', { shareId, permission: 'read_write' });
      const again = await notify('SHARE_PERMISSION_CHANGED', message, key);
      expect([again.status, again.text]).toEqual([201, first.text]);
      expect(again.headers.location).toBe(first.headers.location);
      expect((await share(id)).permission).toBe('read_write');
    });

    it('in fifty calls at once has one effect', async () => {
      const { shareId } = await offered();
      const key = { 'idempotency-key': randomName() };
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => notify('SHARE_UPDATED', { shareId, name: 'stormy', sequence: 1 }, key)),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(201));
      expect(new Set(answers.map((answer) => bodyOf(answer).id)).size).toBe(1);
    });

    it('used for something else is a conflict; of another peer it is another key', async () => {
      const { shareId } = await offered();
      const key = { 'idempotency-key': randomName() };
      await notify('SHARE_UPDATED', { shareId, name: 'one' }, key);
      const reused = await notify('SHARE_UPDATED', { shareId, name: 'two' }, key);
      expect([reused.status, bodyOf(reused).message]).toEqual([409, 'STATE_CONFLICT']);
      const foreign = await other.post('/notifications', { type: 'HELLO' }, key);
      expect(foreign.status).toBe(201);
    });

    it.each(['', ' ', 'a b', 'k'.repeat(256)])('"%.10s" is no key', async (key) => {
      const answer = await notify('HELLO', {}, { 'idempotency-key': key });
      expect([201, 400]).toContain(answer.status);
      if (key.trim() !== '') expect(answer.status).toBe(400);
    });
  });

  describe('SHARE_UNSHARED before its share', () => {
    it('keeps the share from coming to life', async () => {
      const body = offer(peer, bob);
      expect((await notify('SHARE_UNSHARED', { shareId: body.shareId })).status).toBe(201);
      const late = await peer.post('/shares', body);
      expect([late.status, bodyOf(late).message]).toEqual([409, 'SHARE_WITHDRAWN']);
      expect((await peer.post('/shares', body, { 'idempotency-key': randomName() })).status).toBe(409);
    });

    it('binds nobody but its sender', async () => {
      const body = offer(peer, bob);
      await other.post('/notifications', { type: 'SHARE_UNSHARED', shareId: body.shareId });
      expect((await peer.post('/shares', body)).status).toBe(201);
    });

    it('is forgotten after thirty days', async () => {
      const body = offer(peer, bob);
      await notify('SHARE_UNSHARED', { shareId: body.shareId });
      await cloud.rows(
        `update federation.share_tombstone set created_at = now() - interval '30 days 1 second' where share_id = $1`,
        body.shareId,
      );
      expect((await peer.post('/shares', body)).status).toBe(201);
    });

    it('is kept for the last thousand', async () => {
      await cloud.rows(
        `insert into federation.share_tombstone (relationship_id, share_id, created_at)
         select $1, 'old-' || n, now() - interval '1 hour' + n * interval '1 second' from generate_series(1, 1100) n`,
        other.relationship,
      );
      await other.post('/notifications', { type: 'SHARE_UNSHARED', shareId: 'the-newest' });
      const [row] = await cloud.rows(
        `select count(*)::int as count, bool_or(share_id = 'the-newest') as newest, bool_or(share_id = 'old-1') as oldest
         from federation.share_tombstone where relationship_id = $1`,
        other.relationship,
      );
      expect(row).toEqual({ count: 1000, newest: true, oldest: false });
    });

    it('races with its offer, and the share is dead either way', async () => {
      const races = Array.from({ length: 12 }, async () => {
        const body = offer(peer, bob);
        const [offered] = await Promise.all([
          peer.post('/shares', body),
          notify('SHARE_UNSHARED', { shareId: body.shareId }),
        ]);
        expect([201, 409]).toContain(offered.status);
        return cloud.rows(
          `select id from federation.incoming_share where share_id = $1 and state <> 'revoked'`,
          body.shareId,
        );
      });
      expect((await Promise.all(races)).flat()).toEqual([]);
    });
  });

  it('after SHARE_UNSHARED the same offer again does not bring the share back', async () => {
    const { id, shareId, body } = await offered();
    await notify('SHARE_UNSHARED', { shareId });
    const again = await peer.post('/shares', body);
    expect(again.status).toBe(201);
    expect(bodyOf(again)).toMatchObject({ id, state: 'revoked' });
    const access = await cloud.api('GET', `/api/v1/shares/incoming/${id}/access`);
    expect(access.status).toBe(409);
  });

  it('a message is about the share that its shareId names, however it spells the rest', async () => {
    const { id, shareId } = await offered();
    const answer = await notify('SHARE_UNSHARED', { shareId, providerId: 'misspelt', shareWith: bob.toUpperCase() });
    expect(answer.status).toBe(201);
    expect((await share(id)).state).toBe('revoked');
  });

  describe('a message that names only the resource', () => {
    it('is ambiguous among several shares, and says so', async () => {
      const providerId = randomName();
      const first = await offered({ providerId });
      const second = await offered({ providerId, shareWith: `carol@${cloud.host}` });
      const answer = await notify('SHARE_UNSHARED', { providerId });
      expect(answer.status).toBe(400);
      expect(bodyOf(answer).validationErrors).toEqual([{ name: 'providerId', message: 'AMBIGUOUS' }]);
      expect((await notify('SHARE_UNSHARED', { providerId, shareWith: `carol@${cloud.host}` })).status).toBe(201);
      expect((await share(first.id)).state).toBe('pending');
      expect((await share(second.id)).state).toBe('revoked');
    });

    it('and its recipient is about the newest that lives', async () => {
      const providerId = randomName();
      const first = await offered({ providerId });
      const second = await offered({ providerId });
      expect((await notify('SHARE_UNSHARED', { providerId, shareWith: bob })).status).toBe(201);
      expect([(await share(first.id)).state, (await share(second.id)).state]).toEqual(['pending', 'revoked']);
    });

    it('finds the one that lives among many that have ended', async () => {
      const providerId = randomName();
      const living = await offered({ providerId });
      for (let at = 0; at < 4; at += 1) {
        const { shareId } = await offered({ providerId });
        await notify('SHARE_UNSHARED', { shareId });
      }
      expect((await notify('SHARE_PERMISSION_CHANGED', { providerId, permission: 'admin' })).status).toBe(201);
      expect((await share(living.id)).permission).toBe('admin');
      expect((await notify('SHARE_UNSHARED', { providerId })).status).toBe(201);
      expect((await share(living.id)).state).toBe('revoked');
    });

    it('of another peer finds nothing of ours', async () => {
      const { id, body } = await offered();
      const answer = await other.post('/notifications', {
        type: 'SHARE_PERMISSION_CHANGED',
        providerId: body.providerId,
        permission: 'admin',
      });
      expect(answer.status).toBe(404);
      expect((await share(id)).permission).toBe('read');
    });
  });

  describe('GET /notifications', () => {
    it('lists what the caller sent, in that order, and nothing of others', async () => {
      const mark = randomName();
      for (const step of [1, 2, 3]) await other.post('/notifications', { type: 'MARK', message: `${mark} ${step}` });
      await notify('MARK', { message: `${mark} foreign` });
      const answer = await other.get('/notifications');
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({ 'x-page': '1', 'x-per-page': '50' });
      const { _embedded, _links } = bodyOf(answer) as { _embedded: { notifications: Json[] }; _links: Json };
      const marked = _embedded.notifications.filter(({ message }) => String(message).startsWith(mark));
      expect(marked.map(({ message }) => message)).toEqual([1, 2, 3].map((step) => `${mark} ${step}`));
      expect(_links.self).toEqual({ href: '/notifications?page=1' });
      expect(Number(answer.headers['x-total'])).toBe(_embedded.notifications.length);
    });

    it('a foreign one and none are the same answer', async () => {
      const { id } = bodyOf(await notify('HELLO', {}));
      const [foreign, missing] = await Promise.all([
        other.get(`/notifications/${id}`),
        other.get(`/notifications/${randomName()}`),
      ]);
      expect([foreign.status, missing.status]).toEqual([404, 404]);
      expect(foreign.text).toBe(missing.text);
    });
  });
});
