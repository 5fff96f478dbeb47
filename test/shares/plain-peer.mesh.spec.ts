import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, TestCloud } from '../support/cloud.js';
import { bodyOf, deliverNow, introspect, type Json, type Outgoing, outgoing, randomName } from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

describe('with a peer that speaks plain OCM 0.0.3', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let alice: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud1', authority });
    alice = await cloud.createAccount('alice');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud2');
    await speaks('plain');
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));
  beforeEach(() => peer.answers({ kind: 'json', status: 201, body: { id: 'theirs' } }));

  /** How the peer is spoken to from now on. */
  async function speaks(flavour: 'plain' | 'powerfolder'): Promise<void> {
    const policy = JSON.stringify({ flavour, implicitAcceptance: true });
    await cloud.rows('update federation.relationship set policy = $2 where id = $1', peer.relationship, policy);
  }

  function offered(resourceId: string, more: Json = {}) {
    cloud.makeResource(alice, resourceId);
    const share = { owner: alice, shareWith: `bob@${peer.host}`, name: 'Notes', permission: 'read_write' };
    return cloud.api('POST', '/api/v1/shares/outgoing', { ...share, resourceId, ...more });
  }

  async function accepted(resourceId: string, more: Json = {}): Promise<Outgoing> {
    const { id } = bodyOf(await offered(resourceId, more)) as unknown as Outgoing;
    return eventually('it is accepted', async () => {
      const share = await outgoing(cloud, id);
      return share.state === 'accepted' && share;
    });
  }

  const sent = (path: string, providerId: string) =>
    peer
      .received(path)
      .map(({ body }) => JSON.parse(body) as Json)
      .filter((body) => body.providerId === providerId);

  it.each([
    ['read', 1],
    ['read_write', 15],
    ['admin', 31],
  ])('our offers are spelt its way: one protocol, no share id, %s as the mask %i', async (permission, permissions) => {
    const resourceId = `notes-${permission}`;
    await accepted(resourceId, { permission });
    const [offer] = sent('/shares', resourceId);
    const { protocol } = offer as { protocol: { options: { access_token: string } } };
    const token = protocol.options.access_token;
    expect(offer).toEqual({
      owner: alice,
      shareWith: `bob@${peer.host}`,
      name: 'Notes',
      providerId: resourceId,
      protocol: { name: 'webdav', options: { access_token: token, permissions } },
    });
    expect(await introspect(cloud, token)).toMatchObject({ active: true, scope: permission, resource_id: resourceId });
  });

  it('what we tell it of a share names resource and recipient, and no share id: it never saw one', async () => {
    const { id } = await accepted('told');
    await cloud.json('PATCH', `/api/v1/shares/outgoing/${id}`, { permission: 'read' });
    expect((await cloud.api('DELETE', `/api/v1/shares/outgoing/${id}`)).status).toBe(204);
    const told = await eventually('both are told', async () => {
      const messages = sent('/notifications', 'told');
      return messages.length === 2 && messages;
    });
    const shareWith = `bob@${peer.host}`;
    expect(told).toEqual([
      { type: 'SHARE_PERMISSION_CHANGED', providerId: 'told', shareWith, permission: 'read', sequence: 1 },
      { type: 'SHARE_UNSHARED', providerId: 'told', shareWith, sequence: 2 },
    ]);
  });

  it('a share is spoken of as it was offered, whatever the policy has become', async () => {
    const shareWith = `bob@${peer.host}`;
    const plain = await accepted('plainly');
    await speaks('powerfolder');
    const named = await accepted('by-id');
    await speaks('plain');
    for (const { id } of [plain, named]) {
      expect((await cloud.api('PATCH', `/api/v1/shares/outgoing/${id}`, { permission: 'read' })).status).toBe(200);
    }
    const told = (providerId: string) =>
      eventually(
        'it is told',
        async () => sent('/notifications', providerId).map(({ type, sequence, ...name }) => name)[0],
      );
    expect(await told('plainly')).toEqual({ providerId: 'plainly', shareWith, permission: 'read' });
    expect(await told('by-id')).toEqual({ providerId: 'by-id', shareId: named.shareId, permission: 'read' });
  });

  it('an offer that waits is spelt as it was promised, whatever the policy has become', async () => {
    peer.answers({ kind: 'json', status: 503 });
    await offered('waiting');
    await eventually('it was tried', async () => sent('/shares', 'waiting').length > 0);
    await speaks('powerfolder');
    peer.answers({ kind: 'json', status: 201, body: {} });
    await deliverNow(cloud);
    const offers = await eventually('it is told', async () => {
      const both = sent('/shares', 'waiting');
      return both.length === 2 && both;
    });
    await speaks('plain');
    expect(offers[1]).toEqual(offers[0]);
  });

  it('its answers name them too', async () => {
    const { id } = await accepted('left');
    const message = { type: 'SHARE_REMOVED', providerId: 'left', shareWith: `bob@${peer.host}` };
    expect((await peer.post('/notifications', message)).status).toBe(201);
    expect((await outgoing(cloud, id)).state).toBe('left');
  });

  it('a second share of a resource with the same person is a conflict, until the first has ended', async () => {
    const { id } = await accepted('once');
    const second = await offered('once', { name: 'Other notes' });
    expect([second.status, bodyOf(second).message]).toEqual([409, 'STATE_CONFLICT']);
    expect((await offered('once', { shareWith: `carol@${peer.host}` })).status).toBe(201);
    await cloud.api('DELETE', `/api/v1/shares/outgoing/${id}`);
    const answers = await Promise.all([offered('once'), offered('once'), offered('once')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  });

  describe('a withdrawal that comes before its share', () => {
    const offer = (providerId: string, more: Json = {}) =>
      peer.post('/shares', {
        owner: 'carol',
        shareWith: 'alice',
        name: 'Plans',
        providerId,
        protocol: { name: 'webdav', options: { access_token: 't', permissions: 1 } },
        ...more,
      });
    const unshare = (providerId: string, shareWith?: string) =>
      peer.post('/notifications', { type: 'SHARE_UNSHARED', providerId, shareWith });

    it.each([
      ['for its recipient', 'alice'],
      ['for everybody, if it names nobody', undefined],
    ])('keeps the share from coming to life %s', async (_, shareWith) => {
      const providerId = randomName();
      expect((await unshare(providerId, shareWith)).status).toBe(201);
      const late = await offer(providerId);
      expect([late.status, bodyOf(late).message]).toEqual([409, 'SHARE_WITHDRAWN']);
    });

    it('binds nobody else, no other resource, and no share that has an id', async () => {
      const providerId = randomName();
      await unshare(providerId, 'somebody');
      expect((await offer(providerId)).status).toBe(201);
      await unshare(providerId, 'bob');
      expect((await offer(randomName())).status).toBe(201);
      await unshare('elsewhere');
      expect((await offer('elsewhere', { shareId: randomName() })).status).toBe(201);
    });

    it('is forgotten after thirty days', async () => {
      const providerId = randomName();
      await unshare(providerId);
      await cloud.rows(`update federation.plain_tombstone set created_at = now() - interval '30 days 1 second'`);
      expect((await offer(providerId)).status).toBe(201);
    });

    it('races with its offer, and the share is dead either way', async () => {
      for (let round = 0; round < 10; round += 1) {
        const providerId = randomName();
        const [received] = await Promise.all([offer(providerId), unshare(providerId, 'alice')]);
        const live = await cloud.rows(
          `select id from federation.incoming_share where provider_id = $1 and state in ('pending', 'accepted')`,
          providerId,
        );
        expect([201, 409]).toContain(received.status);
        expect(live).toEqual([]);
      }
    });
  });
});
