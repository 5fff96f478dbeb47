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

  it.each([
    ['sent again', ({ id }: Outgoing) => cloud.api('POST', `/api/v1/shares/outgoing/${id}/resend`), 409],
    ['withdrawn', ({ id }: Outgoing) => cloud.api('DELETE', `/api/v1/shares/outgoing/${id}`), 201],
  ])('nor beside one that failed, as that may be accepted after all, until it is %s', async (how, act, then) => {
    const resourceId = `failed-${how}`;
    peer.answers({ kind: 'json', status: 400, body: {} });
    const first = bodyOf(await offered(resourceId)) as unknown as Outgoing;
    await eventually('it has failed', async () => (await outgoing(cloud, first.id)).state === 'failed');
    peer.answers({ kind: 'json', status: 201, body: {} });
    const second = await offered(resourceId);
    expect([second.status, bodyOf(second).message]).toEqual([409, 'STATE_CONFLICT']);
    expect((await act(first)).status).toBeLessThan(300);
    expect((await offered(resourceId)).status).toBe(then);
  });

  it('one that has expired comes back with a later end, unless another has taken its place', async () => {
    const first = await accepted('prolonged');
    const prolong = (expiresAt: string | null) =>
      cloud.api('PATCH', `/api/v1/shares/outgoing/${first.id}`, { expiresAt });
    const expire = () => cloud.rows(`update federation.outgoing_share set expires_at = now() where id = $1`, first.id);
    await expire();
    expect((await prolong('2099-01-01T00:00:00Z')).status).toBe(200);
    expect((await prolong('2099-02-01T00:00:00Z')).status).toBe(200);
    await expire();
    const second = await accepted('prolonged');
    for (const end of ['2099-01-01T00:00:00Z', null]) {
      const refused = await prolong(end);
      expect([refused.status, bodyOf(refused).message]).toEqual([409, 'STATE_CONFLICT']);
    }
    expect((await outgoing(cloud, first.id)).state).toBe('expired');
    await cloud.api('DELETE', `/api/v1/shares/outgoing/${second.id}`);
    expect(bodyOf(await prolong(null)).state).toBe('accepted');
  });

  it('of prolonging one and offering another at once, one is a conflict', async () => {
    const first = await accepted('raced');
    await cloud.rows(`update federation.outgoing_share set expires_at = now() where id = $1`, first.id);
    const [prolonged, second] = await Promise.all([
      cloud.api('PATCH', `/api/v1/shares/outgoing/${first.id}`, { expiresAt: null }),
      offered('raced'),
    ]);
    expect([[200, 409].join(), [409, 201].join()]).toContain([prolonged.status, second.status].join());
  });

  describe('what is said of one share of a name is never taken for the next', () => {
    /** What it was told of a name, each thing once, in the order in which it first came. */
    const told = (providerId: string) => {
      const calls = peer.server.requests.filter(({ body }) => body.includes(JSON.stringify(providerId)));
      const once = new Map(calls.map(({ headers, body }) => [headers['idempotency-key'], JSON.parse(body) as Json]));
      return [...once.values()].map(({ type }) => type ?? 'offer');
    };
    const withdraw = (id: string) => cloud.api('DELETE', `/api/v1/shares/outgoing/${id}`);
    const down = () => peer.answers({ kind: 'json', status: 503 });
    const up = async () => {
      peer.answers({ kind: 'json', status: 201, body: {} });
      await deliverNow(cloud);
    };
    const drained = () =>
      eventually('all is told', async () => {
        const waiting = await cloud.rows(
          `select id from federation.delivery where state = 'waiting' and kind like 'share%'`,
        );
        return waiting.length === 0;
      });
    const attempted = (providerId: string, type: string) =>
      eventually(`${type} was tried`, async () => told(providerId).includes(type));

    it('an offer waits until the withdrawal of the share before it is told', async () => {
      const first = await accepted('again');
      down();
      await withdraw(first.id);
      await attempted('again', 'SHARE_UNSHARED');
      const second = bodyOf(await offered('again')) as unknown as Outgoing;
      await up();
      await drained();
      expect(told('again')).toEqual(['offer', 'SHARE_UNSHARED', 'offer']);
      expect((await outgoing(cloud, second.id)).state).toBe('accepted');
    });

    it('a withdrawal is not told of an offer that never left, and takes back nothing else', async () => {
      const first = await accepted('never');
      down();
      await withdraw(first.id);
      await attempted('never', 'SHARE_UNSHARED');
      const second = bodyOf(await offered('never')) as unknown as Outgoing;
      expect((await withdraw(second.id)).status).toBe(204);
      await up();
      await drained();
      expect(told('never')).toEqual(['offer', 'SHARE_UNSHARED']);
      expect((await outgoing(cloud, second.id)).state).toBe('withdrawn');
    });

    it('an offer that may have arrived is withdrawn, though nobody has answered it', async () => {
      down();
      const { id } = bodyOf(await offered('maybe')) as unknown as Outgoing;
      await attempted('maybe', 'offer');
      await withdraw(id);
      await up();
      await drained();
      expect(told('maybe')).toEqual(['offer', 'SHARE_UNSHARED']);
    });

    it('one that is sent again is not withdrawn: that would end the new one', async () => {
      peer.answers({ kind: 'json', status: 400, body: { message: 'VALIDATION_FAILED' } });
      const { id } = bodyOf(await offered('resent')) as unknown as Outgoing;
      await eventually('it has failed', async () => (await outgoing(cloud, id)).state === 'failed');
      await up();
      const resent = await cloud.json<Outgoing>('POST', `/api/v1/shares/outgoing/${id}/resend`);
      await eventually('it is accepted', async () => (await outgoing(cloud, resent.id)).state === 'accepted');
      await drained();
      expect(told('resent')).toEqual(['offer', 'offer']);
      const tokens = sent('/shares', 'resent').map(
        ({ protocol }) => (protocol as { options: { access_token: string } }).options.access_token,
      );
      expect(await introspect(cloud, String(tokens[0]))).toEqual({ active: false });
      expect(await introspect(cloud, String(tokens[1]))).toMatchObject({ active: true });
    });

    it('one that has expired is withdrawn in silence once another bears its name', async () => {
      const first = await accepted('over');
      await cloud.rows(`update federation.outgoing_share set expires_at = now() where id = $1`, first.id);
      const second = await accepted('over');
      expect((await withdraw(first.id)).status).toBe(204);
      await withdraw(second.id);
      await drained();
      expect(told('over')).toEqual(['offer', 'offer', 'SHARE_UNSHARED']);
    });

    it('the answers of a recipient to two shares of a name go out in their order, too', async () => {
      const offerTo = async (access_token: string) => {
        const protocol = { name: 'webdav', options: { access_token, permissions: 1 } };
        const body = { owner: 'carol', shareWith: 'alice', name: 'Plans', providerId: 'answered', protocol };
        return bodyOf(await peer.post('/shares', body)).id;
      };
      down();
      await cloud.json('POST', `/api/v1/shares/incoming/${await offerTo('one')}/decline`);
      await attempted('answered', 'SHARE_DECLINED');
      await cloud.json('POST', `/api/v1/shares/incoming/${await offerTo('two')}/accept`);
      await up();
      await drained();
      expect(told('answered')).toEqual(['SHARE_DECLINED', 'SHARE_ACCEPTED']);
    });
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
