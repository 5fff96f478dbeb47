import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ShareClock } from '../../src/shares/share-state.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, TestCloud } from '../support/cloud.js';
import { auditOf, bodyOf, incoming, offer } from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

describe('ACCEPT_INVITATIONS=auto', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let bob: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority, options: { acceptInvitations: 'auto' } });
    bob = await cloud.createAccount('bob');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    peer.answers({ kind: 'json', status: 201 });
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

  it('accepts a share at once, and tells the provider once', async () => {
    const body = offer(peer, bob);
    const answer = await peer.post('/shares', body);
    expect(answer.status).toBe(201);
    expect(bodyOf(answer).state).toBe('accepted');
    const id = String(bodyOf(answer).id);
    await eventually('the provider has answered', async () => (await incoming(cloud, id)).confirmed);
    const messages = peer.received('/notifications').map((request) => JSON.parse(request.body));
    expect(messages).toEqual([{ type: 'SHARE_ACCEPTED', shareId: body.shareId, providerId: body.providerId }]);
    const actions = (await auditOf(cloud, id)).map(({ action }) => action);
    expect(actions).toEqual(['share.offered', 'share.accepted', 'share.confirmed']);
    expect(bodyOf(await peer.post('/shares', body))).toMatchObject({ id, state: 'accepted' });
  });

  it('a share that has expired on arrival is kept, but not accepted', async () => {
    const answer = await peer.post('/shares', offer(peer, bob, { expiration: 1_000_000_000 }));
    expect(answer.status).toBe(201);
    expect((await incoming(cloud, String(bodyOf(answer).id))).state).toBe('expired');
  });

  it('what has expired on arrival is said by the clock of the database', async () => {
    const clock = vi.spyOn(cloud.get(ShareClock), 'now').mockResolvedValue(new Date(4_000_000_000_000));
    try {
      const answer = await peer.post('/shares', offer(peer, bob, { expiration: 4_000_000_000 }));
      expect([answer.status, bodyOf(answer).state]).toEqual([201, 'pending']);
    } finally {
      clock.mockRestore();
    }
  });

  it('the peer’s own policy goes before it', async () => {
    await cloud.rows(
      `update federation.relationship set policy = '{"acceptInvitations": "ask"}' where id = $1`,
      peer.relationship,
    );
    const answer = await peer.post('/shares', offer(peer, bob));
    expect(bodyOf(answer).state).toBe('pending');
  });
});

describe('SHARING_ENABLED=false', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority, options: { switches: { sharing: false } } });
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

  it.each([
    ['POST', '/shares'],
    ['GET', '/shares'],
    ['GET', '/shares/x'],
    ['POST', '/notifications'],
    ['GET', '/notifications'],
    ['POST', '/ocm/shares'],
    ['POST', '/ocm/notifications'],
  ])('%s %s is 501 for a peer, and 401 for a stranger', async (method, path) => {
    const body = method === 'POST' ? '{"broken' : undefined;
    const known = await peer.call({ method, path, body });
    expect([known.status, bodyOf(known)]).toEqual([501, { message: 'NOT_ENABLED' }]);
    const stranger = await cloud.api(method, path, body);
    expect([stranger.status, bodyOf(stranger)]).toEqual([401, { message: 'CLIENT_NOT_AUTHENTICATED' }]);
  });

  it('nothing can be shared from here either', async () => {
    const bob = await cloud.createAccount('bob');
    cloud.makeResource(bob, 'r');
    const share = { owner: bob, shareWith: `x@${peer.host}`, name: 'n', resourceId: 'r', permission: 'read' };
    const answer = await cloud.api('POST', '/api/v1/shares/outgoing', share);
    expect([answer.status, bodyOf(answer)]).toEqual([501, { message: 'NOT_ENABLED' }]);
  });
});
