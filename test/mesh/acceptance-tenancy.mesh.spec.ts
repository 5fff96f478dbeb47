import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { bodyOf, introspect, type Json, offer, outgoing, randomName } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { eventually, TestCloud } from '../support/cloud.js';
import { type CallOptions, type CallResult, keepAliveAgent } from '../support/hostile-peer.js';

describe('two peers of one cloud', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let other: ScriptedPeer;
  let bob: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    bob = await cloud.createAccount('bob');
    cloud.makeResource(bob, 'notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    other = await ScriptedPeer.trustedBy(cloud, authority, 'cloud3');
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop(), other?.stop()]));

  const offered = async (from: ScriptedPeer, more: Json = {}) => {
    const body = offer(from, bob, more);
    const answer = await from.post('/shares', body);
    expect(answer.status).toBe(201);
    return { body, id: String(bodyOf(answer).id) };
  };

  /** A share of bob's with carol at the peer, and the token that went with it. */
  const given = async (to: ScriptedPeer, permission = 'read') => {
    const shareWith = `carol-${randomName()}@${to.host}`;
    const share = { owner: bob, shareWith, name: 'Notes', resourceId: 'notes', permission };
    const { id, shareId } = await cloud.json<{ id: string; shareId: string }>('POST', '/api/v1/shares/outgoing', share);
    const sent = await eventually('it is told', async () =>
      to.received('/shares').find(({ body }) => (JSON.parse(body) as Json).shareId === shareId),
    );
    const { protocol } = JSON.parse(sent.body) as { protocol: { options: { access_token: string } }[] };
    await eventually('its answer is taken', async () => (await outgoing(cloud, id)).state !== 'pending-delivery');
    return { id, shareId, shareWith, token: protocol[0]?.options.access_token ?? '' };
  };

  const rowOf = async (id: string) =>
    (await cloud.rows('select * from federation.incoming_share where id = $1', id)).map(
      ({ changed_at, ...row }) => row,
    );

  describe('cannot tell what belongs to the other from what is not there', () => {
    /** Milliseconds by which the first takes longer than the second, asked in turns on one connection. */
    async function difference(pairs: number, first: () => CallOptions, second: () => CallOptions): Promise<number> {
      const agent = keepAliveAgent();
      const texts = new Set<string>();
      const timed = async (options: CallOptions) => {
        const start = performance.now();
        const { status, text } = await other.call({ ...options, agent });
        const ms = performance.now() - start;
        texts.add(`${status} ${text}`);
        return ms;
      };
      const differences: number[] = [];
      for (let nth = -20; nth < pairs; nth += 1) {
        const isSwapped = nth % 2 === 0;
        const one = await timed(isSwapped ? second() : first());
        const two = await timed(isSwapped ? first() : second());
        if (nth >= 0) differences.push(isSwapped ? two - one : one - two);
      }
      agent.destroy();
      expect([...texts]).toEqual(['404 {"message":"RESOURCE_NOT_FOUND"}']);
      return differences.sort((a, b) => a - b)[pairs / 2] ?? Number.NaN;
    }

    /** The least of three measurements: what is really there is there every time, what others do on the machine is not. */
    async function lastingDifference(...asked: Parameters<typeof difference>): Promise<number> {
      let least = Number.POSITIVE_INFINITY;
      for (let nth = 0; nth < 3 && least >= 1; nth += 1) least = Math.min(least, Math.abs(await difference(...asked)));
      return least;
    }

    it('by the time it takes to read a share', async () => {
      const { id } = await offered(peer);
      const read = (share: string) => () => ({ path: `/shares/${share}` });
      expect(await lastingDifference(200, read(id), () => read(randomName().padEnd(24, 'x'))())).toBeLessThan(1);
    }, 20_000);

    it('by the time it takes to read a notification', async () => {
      const { id } = bodyOf(await peer.post('/notifications', { type: 'HELLO' }));
      const read = (notification: unknown) => () => ({ path: `/notifications/${notification}` });
      expect(await lastingDifference(200, read(id), () => read(randomName().padEnd(24, 'x'))())).toBeLessThan(1);
    }, 20_000);

    it.each(['SHARE_PERMISSION_CHANGED', 'SHARE_ACCEPTED'])(
      'by the time it takes to speak of it: %s',
      async (type) => {
        const share = type === 'SHARE_ACCEPTED' ? await given(peer) : (await offered(peer)).body;
        const say = (shareId: unknown) => ({
          method: 'POST',
          path: '/notifications',
          body: { type, shareId, permission: 'admin' },
        });
        const unknown = () => say(randomName().padEnd(String(share.shareId).length, 'x'));
        expect(await lastingDifference(100, () => say(share.shareId), unknown)).toBeLessThan(1);
      },
      20_000,
    );

    it('by what is counted, or by the ids that are given', async () => {
      const before = Number((await other.get('/shares')).headers['x-total']);
      const ids = [];
      for (let nth = 0; nth < 3; nth += 1) ids.push((await offered(peer)).id);
      const listed = await other.get('/shares');
      expect(Number(listed.headers['x-total'])).toBe(before);
      expect(listed.text).not.toMatch(new RegExp(ids.join('|')));
      expect(new Set(ids.map((id) => id.slice(0, 4))).size).toBe(3);
    });
  });

  it.each(['0', '-1', 'abc', '', '1.5', '9223372036854775808', '%31%30%', '1%20', '１', '1&page=2', '1&page[]=2'])(
    'page=%s of the notifications is no page',
    async (page) => {
      const answer = await peer.get(`/notifications?page=${encodeURI(page)}`);
      expect(answer.status).toBe(400);
    },
  );

  it('past the end the notifications are empty, and still counted', async () => {
    await peer.post('/notifications', { type: 'HELLO' });
    const first = await peer.get('/notifications');
    const answer = await peer.get('/notifications?page=1000000000');
    expect([answer.status, answer.headers['x-total']]).toEqual([200, first.headers['x-total']]);
    expect((bodyOf(answer)._embedded as Json).notifications).toEqual([]);
  });

  it('fields that are ours to decide are passed over in a message', async () => {
    const mine = {
      id: 'mine',
      createdAt: '1999-01-01T00:00:00.000Z',
      relationshipId: other.relationship,
      relationship_id: other.relationship,
      peerId: other.relationship,
      content: { type: 'SHARE_UNSHARED' },
      _links: { self: { href: 'https://evil.example' } },
    };
    const told = bodyOf(await peer.post('/notifications', { type: 'HELLO', message: 'hello', ...mine }));
    expect(told).toEqual({
      id: expect.stringMatching(/^[\w-]{24}$/),
      createdAt: expect.not.stringMatching(/^1999/),
      type: 'HELLO',
      message: 'hello',
      _links: { self: { href: `/notifications/${told.id}` } },
    });
    const rows = await cloud.rows('select * from federation.received_notification where id = $1', told.id);
    expect(rows).toMatchObject([{ relationship_id: peer.relationship, content: { type: 'HELLO', message: 'hello' } }]);
  });

  describe('who call different things by the same names', () => {
    it('each speak of their own: shareId, resource, recipient', async () => {
      const mine = await offered(peer);
      const theirs = await offered(other, { shareId: mine.body.shareId, providerId: mine.body.providerId });
      const before = await rowOf(mine.id);
      const { shareId, providerId } = mine.body;
      for (const message of [
        { type: 'SHARE_PERMISSION_CHANGED', shareId, permission: 'admin', sequence: 7 },
        { type: 'SHARE_UPDATED', providerId, shareWith: bob, name: 'renamed', expiration: 4_000_000_000 },
        { type: 'SHARE_UNSHARED', providerId, shareWith: bob },
      ]) {
        expect((await other.post('/notifications', message)).status, message.type).toBe(201);
      }
      expect(await rowOf(mine.id)).toEqual(before);
      expect(await rowOf(theirs.id)).toMatchObject([{ state: 'revoked', permission: 'admin', name: 'renamed' }]);
    });

    it('the same in plain OCM, where nothing but resource and recipient name a share', async () => {
      const plain = (from: ScriptedPeer) => ({
        owner: `alice@${from.host}`,
        shareWith: bob,
        name: 'foo',
        providerId: 'the-same',
        protocol: { name: 'webdav', options: { access_token: 'x' } },
      });
      const mine = bodyOf(await peer.post('/shares', plain(peer)));
      const before = await rowOf(String(mine.id));
      expect((await other.post('/shares', plain(other))).status).toBe(201);
      const unshared = { type: 'SHARE_UNSHARED', providerId: 'the-same', shareWith: bob };
      expect((await other.post('/notifications', unshared)).status).toBe(201);
      expect(await rowOf(String(mine.id))).toEqual(before);
    });

    it('a share that is offered under the name of one of ours is another share', async () => {
      const ours = await given(peer);
      await offered(other, { shareId: ours.shareId });
      for (const type of ['SHARE_ACCEPTED', 'SHARE_DECLINED', 'SHARE_REMOVED']) {
        const answer = await other.post('/notifications', { type, shareId: ours.shareId });
        expect([answer.status, bodyOf(answer).message], type).toEqual([403, 'NOT_ALLOWED']);
      }
      expect((await outgoing(cloud, ours.id)).state).toBe('pending');
    });

    it('an Idempotency-Key that another peer used first is free for everybody else', async () => {
      const key = { 'idempotency-key': randomName() };
      const first = await other.post('/shares', offer(other, bob), key);
      const second = await peer.post('/shares', offer(peer, bob), key);
      const third = await peer.post(
        '/notifications',
        { type: 'HELLO' },
        { 'idempotency-key': `${key['idempotency-key']}x` },
      );
      expect([first.status, second.status, third.status]).toEqual([201, 201, 201]);
      expect(bodyOf(second).id).not.toBe(bodyOf(first).id);
    });
  });

  describe('a cloud that was given a share', () => {
    const SAYS_MORE = {
      permission: 'admin',
      scope: 'admin',
      role: 'owner',
      expiration: null,
      name: 'mine',
      state: 'accepted',
    };

    /** What a token is good for, and what the host sees: the rights of a share from both ends. */
    const rights = async ({ id, token }: { id: string; token: string }) => {
      const { permission, name, expiresAt, state } = await outgoing(cloud, id);
      const { scope, sub } = await introspect(cloud, token);
      return { permission, name, expiresAt, state, scope, sub };
    };

    it('accepts it as it is, whatever it says with its acceptance', async () => {
      const share = await given(peer);
      const answer = await peer.post('/notifications', {
        ...SAYS_MORE,
        type: 'SHARE_ACCEPTED',
        shareId: share.shareId,
        shareWith: `somebody-else@${peer.host}`,
        sequence: 99,
        protocol: [{ name: 'pf_classic', options: { access_token: 'mine', permissions: 31 } }],
      });
      expect(answer.status).toBe(201);
      expect(await rights(share)).toEqual({
        permission: 'read',
        name: 'Notes',
        expiresAt: null,
        state: 'accepted',
        scope: 'read',
        sub: share.shareWith,
      });
    });

    it('gets no more by what it answers to the offer', async () => {
      const id = randomName();
      peer.answers({ kind: 'json', status: 201, body: { ...SAYS_MORE, id, permissions: 31, protocol: [] } });
      const share = await given(peer);
      peer.answers({ kind: 'json', status: 201, body: { id: 'x', state: 'pending' } });
      const { permission, scope, name } = await rights(share);
      expect([permission, name]).toEqual(['read', 'Notes']);
      expect([undefined, 'read']).toContain(scope);
    });

    it('cannot change it: neither before it accepts, nor after, nor under any name of it', async () => {
      const share = await given(peer);
      const before = await rights(share);
      for (const state of ['pending', 'accepted']) {
        for (const type of ['SHARE_PERMISSION_CHANGED', 'SHARE_UPDATED', 'SHARE_UNSHARED']) {
          for (const name of [
            { shareId: share.shareId },
            { providerId: 'notes', shareWith: share.shareWith },
            { shareId: share.shareId, providerId: 'notes', shareWith: share.shareWith },
          ]) {
            const answer = await peer.post('/notifications', { ...SAYS_MORE, type, ...name, sequence: 1_000 });
            expect([answer.status, bodyOf(answer).message], `${state} ${type}`).toEqual([403, 'NOT_ALLOWED']);
          }
        }
        expect(await rights(share)).toEqual({ ...before, ...(state === 'accepted' && ACCEPTED(share.shareWith)) });
        await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: share.shareId });
      }
    });

    it('gets nothing by offering it back under its own name, with more rights', async () => {
      const share = await given(peer);
      await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: share.shareId });
      const before = await rights(share);
      const token = [{ name: 'pf_classic', options: { access_token: share.token } }];
      const back = { shareId: share.shareId, providerId: 'notes', permission: 'admin', protocol: token };
      const { id } = await offered(peer, back);
      const changed = { type: 'SHARE_PERMISSION_CHANGED', shareId: share.shareId, permission: 'admin', sequence: 9 };
      expect((await peer.post('/notifications', changed)).status).toBe(201);
      expect(await rights(share)).toEqual(before);
      // Its own withdrawal is about its own share.
      expect((await peer.post('/notifications', { type: 'SHARE_UNSHARED', shareId: share.shareId })).status).toBe(201);
      expect(await rights(share)).toEqual(before);
      expect(await rowOf(id)).toMatchObject([{ state: 'revoked' }]);
    });

    it('cannot pass for the host, nor write into a share with methods that nobody offers', async () => {
      const share = await given(peer);
      const tries: [string, string, Json | undefined][] = [
        ['PATCH', `/api/v1/shares/outgoing/${share.id}`, { permission: 'admin' }],
        ['POST', `/api/v1/shares/outgoing/${share.id}/resend`, undefined],
        ['POST', '/api/v1/shares/outgoing', { owner: bob, shareWith: `x@${peer.host}`, permission: 'admin' }],
        ['GET', `/api/v1/shares/outgoing/${share.id}`, undefined],
        ['PATCH', `/shares/${share.id}`, { permission: 'admin' }],
        ['PUT', `/shares/${share.shareId}`, { permission: 'admin' }],
        ['DELETE', `/shares/${share.id}`, undefined],
        ['POST', `/shares/${share.id}/accept`, undefined],
      ];
      for (const [method, path, body] of tries) {
        const answer = await peer.call({ method, path, body, headers: { authorization: `Bearer ${share.token}` } });
        expect(answer.status, `${method} ${path}`).toBe(path.startsWith('/api') ? 401 : 404);
      }
      expect((await outgoing(cloud, share.id)).permission).toBe('read');
    });

    it('is not listened to about the share of another cloud', async () => {
      const share = await given(peer);
      const before = await rights(share);
      const names = [
        { shareId: share.shareId },
        { providerId: 'notes', shareWith: share.shareWith },
        { shareId: share.id },
      ];
      const answers: CallResult[] = [];
      for (const type of [
        'SHARE_ACCEPTED',
        'SHARE_DECLINED',
        'SHARE_REMOVED',
        'SHARE_PERMISSION_CHANGED',
        'SHARE_UPDATED',
      ]) {
        for (const name of names) answers.push(await other.post('/notifications', { ...SAYS_MORE, type, ...name }));
      }
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(
        new Set(['404 {"message":"RESOURCE_NOT_FOUND"}']),
      );
      expect(await rights(share)).toEqual(before);
    });

    it.each<[string, Json, number, string]>([
      ['admin, by a word that nobody knows', { permission: 'administrator' }, 400, ''],
      ['ownership', { permission: 'owner' }, 400, ''],
      ['a mask as the word', { permission: 31 }, 400, ''],
      ['a list of words', { permission: ['read', 'admin'] }, 400, ''],
      [
        'every bit there is',
        { protocol: { name: 'webdav', options: { access_token: 'x', permissions: 255 } } },
        400,
        '',
      ],
      ['a mask as text', { protocol: { name: 'webdav', options: { access_token: 'x', permissions: '31' } } }, 400, ''],
      ['sharing alone', { protocol: { name: 'webdav', options: { access_token: 'x', permissions: 17 } } }, 201, 'read'],
      ['nothing', { permission: undefined }, 201, 'read'],
      ['null', { permission: null }, 201, 'read'],
    ])('offers %s, and what cannot be understood gives no right', async (_, change, status, permission) => {
      const body = { ...offer(peer, bob, change) };
      if (change.protocol) delete body.permission;
      const answer = await peer.post('/shares', body);
      expect(answer.status).toBe(status);
      if (status === 201) expect(bodyOf(answer).permission).toBe(permission);
    });
  });
});

function ACCEPTED(sub: string): Json {
  return { state: 'accepted', scope: 'read', sub };
}
