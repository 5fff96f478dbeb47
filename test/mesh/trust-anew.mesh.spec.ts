import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { bodyOf, introspect, type Json, type Outgoing, outgoing, randomName } from '../shares/support.js';
import { eventually, TestCloud } from '../support/cloud.js';
import type { CallResult, HostilePeer } from '../support/hostile-peer.js';
import { added, confirm, hostileAt, received, stopAll } from '../trust/mesh.js';

const said = ({ status, json }: CallResult) => [status, json];

describe('a peer that is trusted again', () => {
  let cloud: TestCloud;
  let peer: HostilePeer;
  let alice: string;
  /** Of before. */
  let before: { id: string; share: Outgoing; token: string; mirror: string; offer: Json; waiting: string };
  let again: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'a', authority });
    peer = await hostileAt('b.localhost', authority);
    alice = await cloud.createAccount('alice');
    cloud.makeResource(alice, 'notes');
    peer.behaviour = { kind: 'json', status: 201 };
    before = await liveTogether((await trust()).id);
    await cloud.json('POST', `/admin/services/${before.id}/suspend`);
    expect((await cloud.api('DELETE', `/admin/services/${before.id}`)).status).toBe(204);
    peer.behaviour = { kind: 'json', status: 201 };
    again = (await trust()).id;
  });
  afterAll(() => stopAll(cloud, peer));

  async function trust() {
    const asked = await added(cloud, peer);
    const answer = await confirm(peer, cloud, { code: asked.code, domains: ['b.localhost', 'b.example'] });
    if (answer.status !== 200) throw new Error(answer.text);
    return asked;
  }

  /** Everything that a relationship can gather, with one delivery that never succeeds. */
  async function liveTogether(id: string) {
    await cloud.json('PATCH', `/admin/services/${id}`, {
      domains: ['b.example'],
      policy: { acceptInvitations: 'auto', rate: { requestsPerMinute: 1_000 } },
      displayName: 'That cloud',
      securityContact: 'security@b.example',
      reviewAt: '2099-01-01T00:00:00Z',
    });
    const create = async (name: string) => {
      const share = { owner: alice, shareWith: 'bob@b.example', name, resourceId: 'notes', permission: 'read' };
      return bodyOf(await cloud.api('POST', '/api/v1/shares/outgoing', share)) as unknown as Outgoing;
    };
    const share = await create('Notes');
    await eventually('it is offered', async () => (await outgoing(cloud, share.id)).state === 'pending');
    await post('/notifications', { type: 'SHARE_ACCEPTED', shareId: share.shareId });
    const sent = received(peer, '/shares') as { shareId: string; protocol: { options: { access_token: string } }[] }[];
    const token = sent.find(({ shareId }) => shareId === share.shareId)?.protocol[0]?.options.access_token ?? '';
    expect(await introspect(cloud, token)).toMatchObject({ active: true });
    const offer = {
      shareId: randomName(),
      owner: 'eve@b.example',
      shareWith: alice,
      permission: 'read',
      name: 'foo',
      providerId: 'bar',
      protocol: [{ name: 'pf_classic', options: { access_token: 'their-token' } }],
    };
    const mirror = String(bodyOf(await post('/shares', offer)).id);
    peer.behaviour = { kind: 'json', status: 503 };
    const late = await create('Late notes');
    return { id, share, token, mirror, offer, waiting: late.id };
  }

  function post(path: string, body: unknown): Promise<CallResult> {
    return peer.call(cloud.origin, { method: 'POST', path, body });
  }

  it('has another relationship, in which nothing of before holds', async () => {
    expect(again).not.toBe(before.id);
    expect(await cloud.json('GET', `/admin/services/${again}`)).toMatchObject({
      state: 'TRUSTED',
      displayName: 'b.localhost',
      domains: ['b.localhost'],
      proposedDomains: ['b.example'],
      policy: {},
      securityContact: null,
      reviewAt: null,
    });
    expect(await cloud.json('GET', `/admin/services/${before.id}`)).toMatchObject({
      state: 'REVOKED',
      domains: ['b.localhost'],
    });
    for (const what of ['suspend', 'resume']) {
      expect((await cloud.api('POST', `/admin/services/${before.id}/${what}`)).status).toBe(409);
    }
  });

  it('finds shares of before ended, and their tokens dead', async () => {
    expect(await outgoing(cloud, before.share.id)).toMatchObject({ state: 'withdrawn', reason: 'TRUST_ENDED' });
    expect(await cloud.json('GET', `/api/v1/shares/incoming/${before.mirror}`)).toMatchObject({ state: 'revoked' });
    expect(await introspect(cloud, before.token)).toEqual({ active: false });
    expect((await cloud.api('GET', `/api/v1/shares/incoming/${before.mirror}/access`)).status).toBe(409);
    expect(await cloud.rows('select id from federation.outgoing_share where token_hash is not null')).toEqual([]);
    expect(await cloud.rows('select id from federation.incoming_share where protocols_sealed is not null')).toEqual([]);
  });

  it('does not revive them by speaking of them', async () => {
    for (const type of ['SHARE_ACCEPTED', 'SHARE_DECLINED']) {
      expect((await post('/notifications', { type, shareId: before.share.shareId })).status, type).toBe(404);
    }
    expect(said(await peer.call(cloud.origin, { path: `/shares/${before.mirror}` }))).toEqual([
      404,
      { message: 'RESOURCE_NOT_FOUND' },
    ]);
    expect(said(await post('/shares', before.offer))).toEqual([403, { message: 'OWNER_DOMAIN_MISMATCH' }]);
    const renewed = bodyOf(await post('/shares', { ...before.offer, owner: 'eve@b.localhost' }));
    expect([renewed.state, renewed.id === before.mirror]).toEqual(['pending', false]);
  });

  it('is told nothing that waited before', async () => {
    expect(await outgoing(cloud, before.waiting)).toMatchObject({
      state: 'withdrawn',
      delivery: { state: 'cancelled' },
    });
    const left = await cloud.rows(
      `select kind from federation.delivery where peer = $1 and (state = 'waiting' or sealed is not null)`,
      before.id,
    );
    expect(left).toEqual([]);
    expect(await cloud.rows('select peer from federation.delivery_hold')).toEqual([]);
    const offered = received(peer, '/shares').filter(({ name }) => name === 'Late notes').length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(received(peer, '/shares').filter(({ name }) => name === 'Late notes')).toHaveLength(offered);
  });
});
