import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { OwnIdentity } from '../../src/trust/own-identity.js';
import { bodyOf, type Json, outgoing } from '../shares/support.js';
import { eventually, inState, serviceOf, TestCloud } from '../support/cloud.js';
import type { HostilePeer } from '../support/hostile-peer.js';
import { ask, confirm, forgetAll, hostileAt, impatiently, pinOf, received, stateOf, stopAll } from '../trust/mesh.js';

const PING = { method: 'POST', path: '/federation/ping' };

interface Service {
  readonly id: string;
  readonly state: string;
  readonly policy: Json;
}

const refused = (name: string, message: string) => ({
  status: 400,
  json: { message: 'VALIDATION_FAILED', validationErrors: [{ name, message }] },
});
const CONFLICT = { status: 409, json: { message: 'STATE_CONFLICT' } };

describe('a peer that knows no handshake', () => {
  let authority: CertificateAuthority;
  let cloud: TestCloud;
  let peer: HostilePeer;
  let bob: string;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    const options = { domains: ['a.localhost', 'alpha.example'] };
    [cloud, peer] = await Promise.all([
      TestCloud.start({ name: 'a', authority, options }),
      hostileAt('b.localhost', authority),
    ]);
    bob = await cloud.createAccount('bob');
  });
  afterEach(async () => {
    await forgetAll(cloud);
    await cloud.rows('truncate federation.incoming_share, federation.outgoing_share, federation.inbox cascade');
    peer.requests.length = 0;
    peer.behaviour = { kind: 'json' };
  });
  afterAll(() => stopAll(cloud, peer));

  const add = (more: Json = {}) =>
    cloud.api('POST', '/admin/services', { url: peer.origin, certificate: peer.credential.certificate, ...more });
  const trust = async (more: Json = {}) => {
    const answer = await add(more);
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
    return bodyOf(answer) as unknown as Service;
  };
  /** Plain OCM 0.0.3, as a cloud would send it that knows nothing of PowerFolder. */
  const offer = (more: Json = {}) => ({
    shareWith: 'bob@a.localhost',
    owner: 'carol',
    name: 'Field notes',
    providerId: 'fold-7f31',
    protocol: { name: 'webdav', options: { access_token: 's3cr3t', permissions: 7 } },
    ...more,
  });
  const share = (more: Json = {}) => peer.call(cloud.origin, { method: 'POST', path: '/shares', body: offer(more) });
  const change = (id: string, body: unknown) => cloud.api('PATCH', `/admin/services/${id}`, body);
  const audited = (id: string) =>
    cloud.rows<{ action: string; actor_kind: string; details: Json }>(
      'select action, actor_kind, details from federation.audit_entry where object = $1 order by at, id',
      `service:${id}`,
    );

  it('is trusted at once when an operator gives its certificate, and is never called for it', async () => {
    const { dialled } = peer;
    expect((await peer.call(cloud.origin, PING)).status).toBe(401);
    const { id } = await trust({ domains: ['beta.example'] });
    expect(await cloud.json('GET', `/admin/services/${id}`)).toMatchObject({
      origin: peer.origin,
      state: 'TRUSTED',
      trustedByHand: true,
      fingerprint: pinOf(peer.credential),
      domains: ['b.localhost', 'beta.example'],
      proposedDomains: [],
      nextAttempt: null,
    });
    expect(await peer.call(cloud.origin, PING)).toMatchObject({
      status: 200,
      json: { fingerprintSeen: pinOf(peer.credential) },
    });
    expect(await cloud.rows('select id from federation.delivery')).toEqual([]);
    expect(peer.dialled).toBe(dialled);
  });

  it('stands in the audit trail as trusted by hand, with its fingerprint', async () => {
    const { id } = await trust();
    expect(await audited(id)).toEqual([
      {
        action: 'trust.established',
        actor_kind: 'operator',
        details: { by: 'hand', fingerprint: pinOf(peer.credential), origin: peer.origin },
      },
    ]);
  });

  it('offers shares in the plain flavour; an opaque owner is one of its host', async () => {
    await trust();
    const answer = await share({ shareWith: 'bob@a.localhost' });
    expect(answer).toMatchObject({ status: 201, json: { owner: 'carol@b.localhost', state: 'pending' } });
    const { id } = bodyOf(answer);
    expect(answer.headers.location).toBe(`/shares/${id}`);
    expect(await share()).toMatchObject({ status: 201, json: { id } });
    const list = bodyOf(await peer.call(cloud.origin, { path: '/shares' }));
    expect(list).toMatchObject({ _embedded: { shares: [{ id, owner: 'carol@b.localhost' }] } });
    const [invited] = (await cloud.json<{ items: Json[] }>('GET', `/api/v1/shares/incoming?recipient=${bob}`)).items;
    expect(invited).toMatchObject({ id, owner: 'carol@b.localhost', permission: 'read_write' });
  });

  it('speaks for the domains it was given at once, and for no other', async () => {
    const { id } = await trust({ domains: ['beta.example'] });
    expect((await share({ owner: 'carol@beta.example' })).status).toBe(201);
    expect((await share({ owner: 'carol@gamma.example', providerId: 'f2' })).status).toBe(403);
    await change(id, { domains: [] });
    expect((await share({ owner: 'carol@beta.example', providerId: 'f3' })).status).toBe(403);
  });

  it('is called over web TLS at its origin; a 201 that names no state is acceptance if its policy says so', async () => {
    const { id: peerId } = await trust({ policy: { implicitAcceptance: true } });
    peer.behaviour = { kind: 'json', status: 201 };
    cloud.makeResource(bob, 'notes');
    const offered = { owner: bob, shareWith: 'carol@b.localhost', name: 'Notes', resourceId: 'notes' };
    const offerNow = () =>
      cloud.json<{ id: string }>('POST', '/api/v1/shares/outgoing', { ...offered, permission: 'read' });
    const first = await offerNow();
    await eventually('it is accepted', async () => (await outgoing(cloud, first.id)).state === 'accepted');
    expect(peer.connections.at(-1)?.clientPin).toBe(cloud.fingerprint);
    await change(peerId, { policy: { implicitAcceptance: null } });
    const second = await offerNow();
    await eventually('it is delivered', async () => (await outgoing(cloud, second.id)).state === 'pending');
  });

  it('is a stranger from the moment it is revoked, and is not told: it would not understand', async () => {
    const { id } = await trust({ domains: ['beta.example'], policy: { acceptInvitations: 'auto' } });
    await share();
    expect((await cloud.api('DELETE', `/admin/services/${id}`)).status).toBe(204);
    expect(await share({ providerId: 'f2' })).toMatchObject({ status: 401 });
    expect((await peer.call(cloud.origin, { path: '/shares' })).status).toBe(401);
    expect(await cloud.json('GET', `/admin/services/${id}`)).toMatchObject({
      state: 'REVOKED',
      reason: 'REVOKED_BY_US',
      trustedByHand: true,
      nextAttempt: null,
    });
    const waiting = `select kind from federation.delivery
      where (state = 'waiting' and kind <> 'host-event') or kind = 'trust-revocation'`;
    expect(await cloud.rows(waiting)).toEqual([]);
    expect(received(peer, '/federation/trust')).toEqual([]);
  });

  it('starts empty when it is trusted again', async () => {
    const first = await trust({ domains: ['beta.example'], policy: { acceptInvitations: 'auto' } });
    const { id: earlier } = bodyOf(await share());
    await cloud.api('DELETE', `/admin/services/${first.id}`);
    const second = await trust();
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({ policy: {}, domains: ['b.localhost'], proposedDomains: [] });
    expect(bodyOf(await peer.call(cloud.origin, { path: '/shares' }))).toMatchObject({ _embedded: { shares: [] } });
    expect((await peer.call(cloud.origin, { path: `/shares/${earlier}` })).status).toBe(404);
  });

  it('can be trusted by hand in place of a handshake that was asked for: whoever asked is told no', async () => {
    const other = await makeSelfSignedCertificate('b.localhost');
    await ask(peer, cloud, { code: 'c'.repeat(43) }, other);
    const invited = await inState(cloud, peer.origin, 'INVITED');
    const { id } = await trust();
    expect(await stateOf(cloud, id)).toBe('TRUSTED');
    expect(await cloud.json('GET', `/admin/services/${invited.id}`)).toMatchObject({
      state: 'REJECTED',
      reason: 'REJECTED_BY_US',
      trustedByHand: false,
    });
    const told = await impatiently('they are told', [cloud], async () => {
      return received(peer, '/federation/trust-confirmations')[0];
    });
    expect(told).toMatchObject({ decision: 'rejected', code: 'c'.repeat(43) });
    expect((await peer.call(cloud.origin, { ...PING, as: other })).status).toBe(401);
  });

  it('cannot be confirmed into anything else: there is no code that it could quote', async () => {
    const { id } = await trust();
    expect((await confirm(peer, cloud)).status).toBe(401);
    await ask(peer, cloud);
    const { id: request } = await inState(cloud, peer.origin, 'INVITED');
    expect(await cloud.api('POST', `/admin/services/${request}/accept`)).toMatchObject(CONFLICT);
    expect(await stateOf(cloud, id)).toBe('TRUSTED');
  });

  describe('is not trusted for a certificate', () => {
    it.each<[string, string, () => Promise<unknown>]>([
      ['that is null', 'REQUIRED', async () => null],
      ['that is no text', 'INVALID', async () => 7],
      ['with another beside it', 'INVALID', async () => peer.credential.certificate.repeat(2)],
      ['beyond 16 KiB', 'TOO_LONG', async () => peer.credential.certificate.padEnd(16_385)],
      ['of another host', 'WRONG_NAME', async () => (await makeSelfSignedCertificate('c.localhost')).certificate],
      [
        'for servers alone',
        'WRONG_PURPOSE',
        async () => (await makeSelfSignedCertificate('b.localhost', { eku: ['serverAuth'] })).certificate,
      ],
      [
        'that has expired',
        'EXPIRED',
        async () => (await makeSelfSignedCertificate('b.localhost', { days: -1 })).certificate,
      ],
    ])('%s: %s', async (_, message, pem) => {
      expect(await add({ certificate: await pem() })).toMatchObject(refused('certificate', message));
      expect(await serviceOf(cloud, peer.origin)).toBeUndefined();
    });

    it('whose fingerprint is not the expected one', async () => {
      const expectedFingerprint = `sha256:${'A'.repeat(43)}`;
      expect(await add({ expectedFingerprint })).toMatchObject(refused('expectedFingerprint', 'MISMATCH'));
      expect(await serviceOf(cloud, peer.origin)).toBeUndefined();
      expect((await add({ expectedFingerprint: pinOf(peer.credential) })).status).toBe(201);
    });

    it('whose key is another peer’s, while that one is trusted', async () => {
      const { id } = await trust();
      const url = 'https://b.localhost:1';
      expect(await add({ url })).toMatchObject(CONFLICT);
      await cloud.api('DELETE', `/admin/services/${id}`);
      expect((await add({ url })).status).toBe(201);
    });

    it('whose key is ours', async () => {
      const { certificate } = cloud.get(OwnIdentity).current();
      expect(await add({ url: 'https://a.localhost:1', certificate })).toMatchObject(CONFLICT);
    });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['we have asked already', () => cloud.json('POST', '/admin/services', { url: peer.origin })],
    ['is trusted already', () => trust()],
  ])('is not trusted by hand if it %s', async (_, before) => {
    await before();
    const { certificate } = await makeSelfSignedCertificate('b.localhost');
    expect(await add({ certificate })).toMatchObject(CONFLICT);
  });

  it.each([
    ['ours', 'alpha.example'],
    ['another peer’s', 'gamma.example'],
    ['another peer’s host', 'c.localhost'],
  ])('is not trusted by hand for a domain that is %s: nothing remains of it', async (_, domain) => {
    const { certificate } = await makeSelfSignedCertificate('c.localhost');
    await trust({ url: 'https://c.localhost:1', certificate, domains: ['gamma.example'] });
    expect(await add({ domains: ['beta.example', domain] })).toMatchObject(CONFLICT);
    expect(await serviceOf(cloud, peer.origin)).toBeUndefined();
    expect((await peer.call(cloud.origin, PING)).status).toBe(401);
  });

  it('gets one relationship however many operators trust it at once', async () => {
    const answers = await Promise.all([add(), add(), add()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  });

  it('is added by the examples of the documentation as they are', async () => {
    const document = bodyOf(await cloud.api('GET', '/docs-json?group=operator')) as unknown as {
      paths: Record<string, { post: { requestBody: { content: Record<string, { examples: object }> } } }>;
    };
    const { examples = {} } = document.paths['/admin/services']?.post.requestBody.content['application/json'] ?? {};
    const bodies = Object.values(examples).map(({ value }) => value);
    const answers = await Promise.all(bodies.map((body) => cloud.api('POST', '/admin/services', body)));
    const states = answers.map((answer) => [answer.status, bodyOf(answer).state]);
    expect(states).toEqual([
      [201, 'REQUESTED'],
      [201, 'TRUSTED'],
    ]);
  });

  describe('and the policy of a peer', () => {
    it('holds from the next request on', async () => {
      const { id } = await trust();
      expect(bodyOf(await share({ providerId: 'f1' })).state).toBe('pending');
      await change(id, { policy: { acceptInvitations: 'auto' } });
      expect(bodyOf(await share({ providerId: 'f2' })).state).toBe('accepted');
      await change(id, { policy: { acceptInvitations: null } });
      expect(bodyOf(await share({ providerId: 'f3' })).state).toBe('pending');
    });

    it('takes the members that are given; null returns one to its default', async () => {
      const { id, policy } = await trust({ policy: { flavour: 'plain', implicitAcceptance: null } });
      expect(policy).toEqual({ flavour: 'plain' });
      const changedBy = async (given: Json) => bodyOf(await change(id, { policy: given })).policy;
      expect(await changedBy({ implicitAcceptance: true })).toEqual({ flavour: 'plain', implicitAcceptance: true });
      expect(await changedBy({ acceptInvitations: 'ask', flavour: null })).toEqual({
        acceptInvitations: 'ask',
        implicitAcceptance: true,
      });
      expect(await changedBy({})).toEqual({ acceptInvitations: 'ask', implicitAcceptance: true });
      expect((await cloud.json<Service>('GET', `/admin/services/${id}`)).policy).toEqual(await changedBy({}));
    });

    it('is audited with what held before, if anything changed', async () => {
      const { id } = await trust();
      await change(id, { policy: { flavour: 'plain' } });
      await change(id, { policy: { flavour: 'plain' } });
      await change(id, { policy: { flavour: null } });
      expect((await audited(id)).slice(1).map(({ action, details }) => [action, details])).toEqual([
        ['trust.policy-changed', { before: '{}', after: '{"flavour":"plain"}' }],
        ['trust.policy-changed', { before: '{"flavour":"plain"}', after: '{}' }],
      ]);
    });

    it.each<[string, unknown, string, string]>([
      ['a member that is none', { acceptInvitation: 'auto' }, 'policy.acceptInvitation', 'UNKNOWN'],
      ['a word that is none', { acceptInvitations: 'never' }, 'policy.acceptInvitations', 'INVALID'],
      ['a text for yes', { implicitAcceptance: 'true' }, 'policy.implicitAcceptance', 'INVALID'],
      ['a flavour that is none', { flavour: 'vanilla' }, 'policy.flavour', 'INVALID'],
      ['a flavour in a list', { flavour: ['plain'] }, 'policy.flavour', 'INVALID'],
      ['a text', 'auto', 'policy', 'INVALID'],
      ['nothing', null, 'policy', 'REQUIRED'],
    ])('is refused for %s', async (_, policy, name, message) => {
      const { id } = await trust({ policy: { flavour: 'plain' } });
      expect(await change(id, { policy })).toMatchObject(refused(name, message));
      expect((await cloud.json<Service>('GET', `/admin/services/${id}`)).policy).toEqual({ flavour: 'plain' });
      expect(await add({ url: 'https://c.localhost', policy })).toMatchObject(refused(name, message));
    });

    it('changes together with the domains or not at all', async () => {
      const { id } = await trust();
      const both = { policy: { flavour: 'plain' }, domains: ['alpha.example'] };
      expect(await change(id, both)).toMatchObject(CONFLICT);
      expect((await cloud.json<Service>('GET', `/admin/services/${id}`)).policy).toEqual({});
      expect(await change(id, { ...both, domains: ['beta.example'] })).toMatchObject({
        status: 200,
        json: { policy: { flavour: 'plain' }, domains: ['b.localhost', 'beta.example'] },
      });
    });

    it('can be given for a peer that we ask, and holds once it is trusted', async () => {
      const body = { url: peer.origin, policy: { acceptInvitations: 'auto' } };
      const asked = await cloud.json<Service>('POST', '/admin/services', body);
      expect(asked).toMatchObject({ state: 'REQUESTED', policy: { acceptInvitations: 'auto' }, trustedByHand: false });
      const { code } = await eventually('it is asked', async () => received(peer, '/federation/trust-requests')[0]);
      expect((await confirm(peer, cloud, { code: String(code) })).status).toBe(200);
      expect(bodyOf(await share()).state).toBe('accepted');
      expect(await cloud.json('GET', `/admin/services/${asked.id}`)).toMatchObject({ trustedByHand: false });
    });

    it('cannot be changed where there is no relationship any more, or not yet', async () => {
      const { id } = await trust();
      await cloud.api('DELETE', `/admin/services/${id}`);
      expect(await change(id, { policy: { flavour: 'plain' } })).toMatchObject(CONFLICT);
      await ask(peer, cloud);
      const { id: request } = await inState(cloud, peer.origin, 'INVITED');
      expect((await change(request, { policy: { flavour: 'plain' } })).status).toBe(404);
    });
  });
});

describe('REQUIRE_FINGERPRINT=true, and a peer that knows no handshake', () => {
  let cloud: TestCloud;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'a', authority, options: { requireFingerprint: true } });
  });
  afterAll(() => stopAll(cloud));

  it('asks for the fingerprint beside the certificate: one has to come on another way', async () => {
    const peer = await makeSelfSignedCertificate('b.localhost');
    const add = (more: Json = {}) =>
      cloud.api('POST', '/admin/services', { url: 'https://b.localhost', certificate: peer.certificate, ...more });
    expect(await add()).toMatchObject(refused('expectedFingerprint', 'REQUIRED'));
    expect(await add({ expectedFingerprint: `sha256:${'A'.repeat(43)}` })).toMatchObject(
      refused('expectedFingerprint', 'MISMATCH'),
    );
    expect(await add({ expectedFingerprint: pinOf(peer) })).toMatchObject({ status: 201, json: { state: 'TRUSTED' } });
  });
});
