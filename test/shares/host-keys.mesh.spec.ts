import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { TestCloud } from '../support/cloud.js';
import { call } from '../support/hostile-peer.js';
import { auditOf, bodyOf, incoming, type Json, offer, randomName } from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

describe('what the host posts under an Idempotency-Key', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let bob: string;
  let authority: CertificateAuthority;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    bob = await cloud.createAccount('bob');
    cloud.makeResource(bob, 'notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    peer.answers({ kind: 'json', status: 201, body: { state: 'pending' } });
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

  const offered = async () => String(bodyOf(await peer.post('/shares', offer(peer, bob))).id);
  const post = (path: string, key: string, body?: Json) =>
    cloud.api('POST', `/api/v1/shares/${path}`, body, { headers: { 'idempotency-key': key } });
  const wanted = () => ({
    owner: bob,
    shareWith: `alice@${peer.host}`,
    name: 'Notes',
    resourceId: 'notes',
    permission: 'read',
  });

  it.each(['accept', 'decline'])(
    '%s: a repeat gets the same answer, whatever became of the share since',
    async (act) => {
      const [id, key] = [await offered(), randomName()];
      const first = await post(`incoming/${id}/${act}`, key);
      expect(first.status).toBe(200);
      await peer.post('/notifications', { type: 'SHARE_UNSHARED', shareId: (await incoming(cloud, id)).shareId });
      const again = await post(`incoming/${id}/${act}`, key);
      expect([again.status, again.text]).toEqual([200, first.text]);
      const other = await post(`incoming/${await offered()}/${act}`, key);
      expect([other.status, bodyOf(other).message]).toEqual([409, 'STATE_CONFLICT']);
      const done = (await auditOf(cloud, id)).filter(
        ({ action }) => action === `share.${act === 'accept' ? 'accepted' : 'declined'}`,
      );
      expect(done).toHaveLength(1);
    },
  );

  it('a key of one route is no key of another', async () => {
    const [id, key] = [await offered(), randomName()];
    expect((await post(`incoming/${id}/accept`, key)).status).toBe(200);
    expect((await post('outgoing', key, wanted())).status).toBe(409);
  });

  it('twenty at once make one share, and one answer', async () => {
    const key = randomName();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('outgoing', key, wanted())));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it('what was refused leaves its key free', async () => {
    const key = randomName();
    expect((await post('outgoing', key, { ...wanted(), resourceId: 'nothing' })).status).toBe(400);
    expect((await post('outgoing', key, wanted())).status).toBe(201);
  });

  it('each token has keys of its own', async () => {
    const issue = async () =>
      (await cloud.json<{ token: string }>('POST', '/admin/tokens', { role: 'host', label: 'test' })).token;
    const tokens = [await issue(), await issue()];
    const key = randomName();
    const ids: unknown[] = [];
    for (const token of [...tokens, ...tokens]) {
      const headers = { authorization: `Bearer ${token}`, 'idempotency-key': key };
      const answer = await call(cloud.origin, {
        method: 'POST',
        path: '/api/v1/shares/outgoing',
        body: wanted(),
        headers,
        ca: authority.certificate,
      });
      expect(answer.status).toBe(201);
      ids.push(bodyOf(answer).id);
    }
    expect(ids[0]).not.toBe(ids[1]);
    expect([ids[2], ids[3]]).toEqual([ids[0], ids[1]]);
  });

  it('a key of spaces, or one that is too long, is none', async () => {
    for (const key of ['a b', 'k'.repeat(256)]) {
      const refused = await post('outgoing', key, wanted());
      expect(bodyOf(refused)).toEqual({
        message: 'VALIDATION_FAILED',
        validationErrors: [{ name: 'Idempotency-Key', message: 'INVALID' }],
      });
    }
  });
});

describe('pages of a host list', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let bob: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    bob = await cloud.createAccount('bob');
    cloud.makeResource(bob, 'notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    peer.answers({ kind: 'json', status: 201, body: { state: 'pending' } });
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

  const MAKERS: Record<string, () => Promise<string>> = {
    incoming: async () => String(bodyOf(await peer.post('/shares', offer(peer, bob))).id),
    outgoing: async () => {
      const share = { owner: bob, shareWith: `alice@${peer.host}`, name: 'N', resourceId: 'notes', permission: 'read' };
      return (await cloud.json<{ id: string }>('POST', '/api/v1/shares/outgoing', share)).id;
    },
  };

  it.each(Object.entries(MAKERS))('of %s shares stay stable while shares are added', async (direction, make) => {
    const there: string[] = [];
    for (let at = 0; at < 12; at += 1) there.unshift(await make());
    // As many writers at one moment would leave them.
    await cloud.rows(
      `update federation.${direction}_share set created_at = date_trunc('milliseconds', now() - interval '1 hour')`,
    );
    there.sort().reverse();
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = `limit=5${cursor && `&cursor=${cursor}`}`;
      const page: { items: { id: string }[]; next: string | null } = await cloud.json(
        'GET',
        `/api/v1/shares/${direction}?${query}`,
      );
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
      await Promise.all([make(), make()]);
    }
    expect(seen).toEqual(there);
  });
});
