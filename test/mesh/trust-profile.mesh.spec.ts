import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { bodyOf, deliverNow, type Json, offer } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { eventually, TestCloud } from '../support/cloud.js';
import type { CallResult } from '../support/hostile-peer.js';
import { hostileAt, received, stopAll } from '../trust/mesh.js';

const PROFILE = '/federation/trust/profile';
const said = ({ status, json }: CallResult) => [status, json];

describe('what a peer says of itself', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let alice: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'a', authority });
    alice = await cloud.createAccount('alice');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'b');
  });
  afterEach(() => put({ displayName: 'b', domains: [] }));
  afterAll(() => stopAll(cloud, peer));

  const put = (body: unknown) => peer.call({ method: 'PUT', path: PROFILE, body });
  const patch = (body: Json) => cloud.api('PATCH', `/admin/services/${peer.relationship}`, body);
  const seen = () => cloud.json(`GET`, `/admin/services/${peer.relationship}`);
  const offerOf = (owner: string) => peer.post('/shares', offer(peer, alice, { owner }));

  it('waits for our operator, apart from what holds, and changes nothing by itself', async () => {
    const profile = {
      displayName: 'Best Cloud',
      domains: ['b.localhost', 'B.example', 'a.localhost'],
      securityContact: 'mailto:security@b.localhost',
    };
    expect(said(await put(profile))).toEqual([
      200,
      {
        displayName: 'Best Cloud',
        domains: ['a.localhost', 'b.example'],
        securityContact: 'mailto:security@b.localhost',
      },
    ]);
    expect(await seen()).toMatchObject({
      displayName: 'b',
      securityContact: null,
      domains: ['b.localhost'],
      proposedDomains: expect.arrayContaining(['b.example', 'a.localhost']),
      proposed: { displayName: 'Best Cloud', securityContact: 'mailto:security@b.localhost' },
    });
    expect(said(await offerOf('eve@b.example'))).toEqual([403, { message: 'OWNER_DOMAIN_MISMATCH' }]);
  });

  it('holds once our operator has said so, and no domain of ours ever does', async () => {
    await put({
      displayName: 'Best Cloud',
      domains: ['b.example', 'a.localhost'],
      securityContact: 'security@b.example',
    });
    expect((await patch({ domains: ['a.localhost'] })).status).toBe(409);
    const approved = { displayName: 'Best Cloud', securityContact: 'security@b.example', domains: ['b.example'] };
    expect(bodyOf(await patch(approved))).toMatchObject({
      displayName: 'Best Cloud',
      securityContact: 'security@b.example',
      domains: ['b.localhost', 'b.example'],
      proposedDomains: ['a.localhost'],
      proposed: { displayName: null, securityContact: null },
    });
    expect((await offerOf('eve@b.example')).status).toBe(201);
    // What is so already is proposed no more; what was approved stays, claimed or not.
    expect(said(await put({ displayName: 'Best Cloud', domains: [] }))).toEqual([
      200,
      { displayName: null, domains: [], securityContact: null },
    ]);
    expect(await seen()).toMatchObject({
      domains: ['b.localhost', 'b.example'],
      proposedDomains: [],
      securityContact: 'security@b.example',
    });
    expect((await offerOf('eve@b.example')).status).toBe(201);
    await patch({ displayName: 'b', securityContact: null, domains: [] });
  });

  it('can be answered otherwise by our operator', async () => {
    await put({ displayName: 'Best Cloud', domains: [], securityContact: 'security@b.example' });
    expect(bodyOf(await patch({ displayName: 'That cloud', securityContact: null }))).toMatchObject({
      displayName: 'That cloud',
      securityContact: null,
      proposed: { displayName: null, securityContact: null },
    });
    await patch({ displayName: 'b' });
  });

  it('takes the place of what it said before; the same twice is no news', async () => {
    await put({ displayName: 'One', domains: ['one.example', 'two.example'] });
    const entries = () => cloud.rows(`select id from federation.audit_entry where action = 'trust.profile-proposed'`);
    const before = await entries();
    const profile = { displayName: 'Two', domains: ['two.example', 'three.example'] };
    const first = await put(profile);
    expect(said(first)).toEqual([
      200,
      { displayName: 'Two', domains: ['three.example', 'two.example'], securityContact: null },
    ]);
    expect(said(await put(profile))).toEqual(said(first));
    expect(await entries()).toHaveLength(before.length + 1);
  });

  it('is taken ten times at once without a deadlock', async () => {
    const profiles = Array.from({ length: 10 }, (_, at) => ({
      displayName: `Cloud ${at}`,
      domains: [`d${at}.example`],
    }));
    const answers = await Promise.all(profiles.map(put));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(((await seen()).proposedDomains as string[]).length).toBe(1);
  });

  const good = { displayName: 'b', domains: [] as string[] };
  it.each<[string, unknown]>([
    ['no name', { domains: [] }],
    ['a name of two lines', { ...good, displayName: 'x\ny' }],
    ['a name that turns round', { ...good, displayName: 'x\u202ey' }],
    ['a long name', { ...good, displayName: 'é'.repeat(128) }],
    ['no domains', { displayName: 'b' }],
    ['a domain that is none', { ...good, domains: ['b.example', '127.0.0.1'] }],
    ['too many domains', { ...good, domains: Array.from({ length: 101 }, (_, at) => `d${at}.example`) }],
    ['a contact over HTTP', { ...good, securityContact: 'http://b.example/security' }],
    ['a contact that is script', { ...good, securityContact: 'javascript:alert(1)' }],
    ['a contact with a password', { ...good, securityContact: 'https://u:p@b.example/' }],
    ['a contact with two addresses', { ...good, securityContact: 'a@b.example,c@d.example' }],
    ['a contact with more than an address', { ...good, securityContact: 'mailto:a@b.example?bcc=c@d.example' }],
    ['a long contact', { ...good, securityContact: `https://b.example/${'x'.repeat(303)}` }],
    ['a list', []],
  ])('is refused as a whole with %s', async (_, body) => {
    expect(await put(body)).toMatchObject({ status: 400, json: { message: 'VALIDATION_FAILED' } });
    expect(await seen()).toMatchObject({ proposedDomains: [], proposed: { displayName: null, securityContact: null } });
  });

  it.each(['security@b.example', 'mailto:security@b.example', 'https://b.example/security?lang=en'])(
    'may name %s',
    async (securityContact) => {
      expect(said(await put({ ...good, securityContact }))).toMatchObject([200, { securityContact }]);
      expect(bodyOf(await patch({ securityContact }))).toMatchObject({ securityContact });
      await patch({ securityContact: null });
    },
  );

  it('is not listened to while it is suspended', async () => {
    await cloud.api('POST', `/admin/services/${peer.relationship}/suspend`);
    expect(said(await put({ displayName: 'Other', domains: [] }))).toEqual([403, { message: 'SUSPENDED' }]);
    await cloud.api('POST', `/admin/services/${peer.relationship}/resume`);
    expect(await seen()).toMatchObject({ proposed: { displayName: null } });
  });
});

describe('what our operator notes about a peer', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'a', authority });
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'b');
  });
  afterAll(() => stopAll(cloud, peer));

  const patch = (body: Json) => cloud.api('PATCH', `/admin/services/${peer.relationship}`, body);
  const due = async () =>
    (await cloud.json<{ items: { id: string }[] }>('GET', '/admin/services?reviewDue=true')).items.map(({ id }) => id);

  it('lists those whose review is due, and no others', async () => {
    expect(await due()).toEqual([]);
    expect(bodyOf(await patch({ reviewAt: '2020-01-01T00:00:00Z' })).reviewAt).toBe('2020-01-01T00:00:00.000Z');
    expect(await due()).toEqual([peer.relationship]);
    expect((await cloud.api('GET', '/admin/services?reviewDue=false')).json).toMatchObject({ items: [{}] });
    await patch({ reviewAt: '2099-01-01T00:00:00+02:00' });
    expect(await due()).toEqual([]);
    expect(bodyOf(await patch({ reviewAt: null })).reviewAt).toBeNull();
    const entries = await cloud.rows<{ details: Json }>(
      `select details from federation.audit_entry where action = 'trust.details-changed' order by at`,
    );
    expect(entries).toHaveLength(3);
    expect(entries[0]?.details).toEqual({
      before: '{"displayName":"b","securityContact":null,"reviewAt":null}',
      after: '{"displayName":"b","securityContact":null,"reviewAt":"2020-01-01T00:00:00.000Z"}',
    });
    expect((await cloud.api('GET', '/admin/services?reviewDue=maybe')).status).toBe(400);
  });

  it.each<[string, unknown]>([
    ['reviewAt', '2020-01-01'],
    ['reviewAt', 'soon'],
    ['reviewAt', 1_700_000_000],
    ['securityContact', 'nobody'],
    ['securityContact', ''],
    ['displayName', ''],
    ['displayName', null],
    ['displayName', 'x'.repeat(256)],
  ])('refuses %s %j, and everything said with it', async (name, value) => {
    const answer = await patch({ policy: { implicitAcceptance: true }, [name]: value });
    expect(answer).toMatchObject({ status: 400, json: { message: 'VALIDATION_FAILED' } });
    expect(await cloud.json('GET', `/admin/services/${peer.relationship}`)).toMatchObject({
      policy: {},
      displayName: 'b',
    });
  });

  it('is over with the relationship', async () => {
    await patch({ reviewAt: '2020-01-01T00:00:00Z' });
    await cloud.api('DELETE', `/admin/services/${peer.relationship}`);
    expect((await patch({ reviewAt: null })).status).toBe(409);
    expect(await due()).toEqual([]);
  });
});

describe('what we say of ourselves', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'a', authority });
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'b');
    const plain = await hostileAt('c.localhost', authority);
    await cloud.json('POST', '/admin/services', { url: plain.origin, certificate: plain.credential.certificate });
    await plain.stop();
    peer.answers({ kind: 'json', status: 200 });
  });
  afterAll(() => stopAll(cloud, peer));

  const restart = async (changed: Json = {}) => {
    await cloud.down();
    await cloud.up(changed);
  };
  const told = () => received(peer.server, PROFILE);
  const enqueued = () =>
    cloud.rows<{ peer: string; state: string }>(
      `select peer, state from federation.delivery where kind = 'trust-profile' order by position`,
    );
  const domains = ['a.localhost', 'a.example'];

  it('is told to nobody who knows it from the handshake', async () => {
    await restart();
    expect(await enqueued()).toEqual([]);
  });

  it('is told anew once it has changed: once, though two nodes start with it, and not to who would not understand', async () => {
    await cloud.down();
    const nodes = await Promise.all([
      cloud.anotherNode({ displayName: 'Cloud A', domains }),
      cloud.anotherNode({ displayName: 'Cloud A', domains: [...domains].reverse() }),
    ]);
    await eventually('it is told', async () => told().length > 0);
    await Promise.all(nodes.map((node) => node.stop()));
    expect(told()).toEqual([{ displayName: 'Cloud A', domains: ['a.example', 'a.localhost'] }]);
    expect(await enqueued()).toEqual([{ peer: peer.relationship, state: 'delivered' }]);
    await cloud.up({ displayName: 'Cloud A', domains });
    expect(await enqueued()).toHaveLength(1);
  });

  it('takes the place of what a former start has not managed to tell', async () => {
    peer.answers({ kind: 'json', status: 503 });
    await restart({ displayName: 'Cloud B', domains });
    await restart({ displayName: 'Cloud C', domains });
    peer.answers({ kind: 'json', status: 200 });
    await eventually('it is told', async () => {
      await deliverNow(cloud);
      return (await enqueued()).at(-1)?.state === 'delivered';
    });
    expect((await enqueued()).map(({ state }) => state)).toEqual(['delivered', 'cancelled', 'delivered']);
    expect(told().at(-1)).toMatchObject({ displayName: 'Cloud C' });
  });

  it('waits for a peer that is suspended, and is not told to one that is not trusted any more', async () => {
    await cloud.api('POST', `/admin/services/${peer.relationship}/suspend`);
    const before = told().length;
    await restart({ displayName: 'Cloud D', domains });
    await deliverNow(cloud);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(told()).toHaveLength(before);
    await cloud.api('POST', `/admin/services/${peer.relationship}/resume`);
    await eventually('it is told', async () => told().length > before);
    await cloud.api('DELETE', `/admin/services/${peer.relationship}`);
    await restart({ displayName: 'Cloud E', domains });
    expect((await enqueued()).filter(({ state }) => state === 'waiting')).toEqual([]);
    const [row] = await cloud.rows('select told_profile from federation.installation');
    expect(row).toEqual({ told_profile: { displayName: 'Cloud E', domains: ['a.example', 'a.localhost'] } });
    const by = `select distinct actor_kind || ' ' || actor as by from federation.audit_entry where action = 'self.profile-changed'`;
    expect(await cloud.rows(by)).toEqual([{ by: 'system profile' }]);
  });
});
