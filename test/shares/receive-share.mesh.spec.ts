import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ShareClock } from '../../src/shares/share-state.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, TestCloud } from '../support/cloud.js';
import { auditOf, bodyOf, type Json, listenTo, offer, randomName } from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

describe('POST /shares from a trusted peer', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let other: ScriptedPeer;
  let bob: string;
  let bobId: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    bob = `bob@${cloud.host}`;
    bobId = String((await cloud.json('POST', '/api/v1/accounts', { username: bob, displayName: 'Bob' })).id);
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    other = await ScriptedPeer.trustedBy(cloud, authority, 'cloud3');
  });

  afterAll(() => Promise.all([cloud?.stop(), peer?.stop(), other?.stop()]));

  const rowsNamed = (shareId: unknown) =>
    cloud.rows('select id, state from federation.incoming_share where share_id = $1', shareId);

  it.each([
    ['/shares', '/shares'],
    ['/ocm/shares', '/ocm/shares'],
  ])('%s answers 201 with a Location under its own mount and the share as HAL, secrets blanked', async (path) => {
    const body = offer(peer, bob, { expiration: 4_000_000_000 });
    const answer = await peer.post(path, body);
    expect(answer.status).toBe(201);
    expect(answer.headers['content-type']).toMatch(/^application\/hal\+json/);
    const share = bodyOf(answer);
    expect(Buffer.from(String(share.id), 'base64url').length).toBeGreaterThanOrEqual(16);
    expect(answer.headers.location).toBe(`${path}/${share.id}`);
    expect(share).toEqual({
      id: expect.stringMatching(/^[\w-]{22,}$/),
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      state: 'pending',
      shareId: body.shareId,
      owner: body.owner,
      shareWith: bob,
      permission: 'read_write',
      name: 'foo',
      description: 'foobar',
      providerId: 'cec0c932ce01',
      expiration: 4_000_000_000,
      protocol: [{ name: 'pf_classic', options: {} }],
      _links: { self: { href: `${path}/${share.id}` } },
    });
    expect(answer.text).not.toContain('token-');
    const read = await peer.get(String(answer.headers.location));
    expect(bodyOf(read)).toEqual(share);
  });

  it('the same offer again, with or without a key, answers 201 with the same id', async () => {
    const body = offer(peer, bob);
    const first = bodyOf(await peer.post('/shares', body));
    const again = await peer.post('/shares', { ...body, extra: 'ignored' });
    const keyed = await peer.post('/ocm/shares', body, { 'idempotency-key': randomName() });
    expect([again.status, keyed.status]).toEqual([201, 201]);
    expect([bodyOf(again).id, bodyOf(keyed).id]).toEqual([first.id, first.id]);
    expect(await rowsNamed(body.shareId)).toHaveLength(1);
  });

  it('the order of the protocols does not make it another offer', async () => {
    const classic = { name: 'pf_classic', options: { access_token: 'a' } };
    const webdav = { name: 'webdav', options: { access_token: 'b', uri: `https://${peer.host}/dav` } };
    const body = offer(peer, bob, { protocol: [classic, webdav] });
    const first = bodyOf(await peer.post('/shares', body));
    const again = await peer.post('/shares', { ...body, protocol: [webdav, classic] });
    expect(again.status).toBe(201);
    expect(bodyOf(again).id).toBe(first.id);
  });

  it.each<[string, Json]>([
    ['another token', { protocol: [{ name: 'pf_classic', options: { access_token: 'another' } }] }],
    ['another permission', { permission: 'admin' }],
    ['another name', { name: 'bar' }],
    ['another description', { description: 'other' }],
    ['another resource', { providerId: 'other' }],
    ['an expiration', { expiration: 4_000_000_000 }],
  ])('the same shareId with %s is a conflict and changes nothing', async (_, change) => {
    const body = offer(peer, bob);
    const first = bodyOf(await peer.post('/shares', body));
    const answer = await peer.post('/shares', { ...body, ...change });
    expect(answer.status).toBe(409);
    expect(bodyOf(answer)).toEqual({ message: 'SHARE_CONFLICT' });
    expect(bodyOf(await peer.get(`/shares/${first.id}`))).toEqual(first);
  });

  it('compares with the offer as first received, not with what became of the share', async () => {
    const body = offer(peer, bob);
    const { id } = bodyOf(await peer.post('/shares', body));
    await peer.post('/notifications', {
      type: 'SHARE_PERMISSION_CHANGED',
      shareId: body.shareId,
      permission: 'read',
      sequence: 1,
    });
    const again = await peer.post('/shares', body);
    expect(again.status).toBe(201);
    expect(bodyOf(again).id).toBe(id);
    expect((await peer.post('/shares', { ...body, permission: 'read' })).status).toBe(409);
  });

  it('a repeated Idempotency-Key gets the same answer after the share was changed and accepted', async () => {
    const body = offer(peer, bob);
    const headers = { 'idempotency-key': randomName() };
    const first = await peer.post('/shares', body, headers);
    const { id } = bodyOf(first);
    await peer.post('/notifications', {
      type: 'SHARE_PERMISSION_CHANGED',
      shareId: body.shareId,
      permission: 'admin',
      sequence: 1,
    });
    await cloud.json('POST', `/api/v1/shares/incoming/${id}/accept`);
    const again = await peer.post('/shares', body, headers);
    expect(again.status).toBe(201);
    expect(again.text).toBe(first.text);
    expect(again.headers.location).toBe(first.headers.location);
    const offered = (await auditOf(cloud, String(id))).filter(({ action }) => action === 'share.offered');
    expect(offered).toHaveLength(1);
  });

  it('an Idempotency-Key that was used for something else is a conflict', async () => {
    const headers = { 'idempotency-key': randomName() };
    expect((await peer.post('/shares', offer(peer, bob), headers)).status).toBe(201);
    const second = offer(peer, bob);
    const answer = await peer.post('/shares', second, headers);
    expect([answer.status, bodyOf(answer).message]).toEqual([409, 'STATE_CONFLICT']);
    expect(await rowsNamed(second.shareId)).toEqual([]);
  });

  it('a refused offer leaves its Idempotency-Key free', async () => {
    const headers = { 'idempotency-key': randomName() };
    const body = offer(peer, `nobody-yet@${cloud.host}`);
    expect((await peer.post('/shares', body, headers)).status).toBe(400);
    await cloud.createAccount('nobody-yet');
    expect((await peer.post('/shares', body, headers)).status).toBe(201);
  });

  it('fifty identical offers at once make one share with one id', async () => {
    const told = listenTo(cloud);
    const body = offer(peer, bob);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        peer.post('/shares', body, at % 2 === 0 ? undefined : { 'idempotency-key': `storm-${at % 10}` }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(201));
    expect(new Set(answers.map((answer) => bodyOf(answer).id)).size).toBe(1);
    expect(await rowsNamed(body.shareId)).toHaveLength(1);
    const id = String(bodyOf(answers[0] ?? (await peer.get('/shares'))).id);
    const about = () => told.filter(({ share }) => share === id);
    await eventually('bob is told', async () => about().length > 0);
    expect(about()).toMatchObject([{ type: 'share-invited', account: bobId, counterpart: body.owner, name: 'foo' }]);
    expect((await auditOf(cloud, id)).map(({ action }) => action)).toEqual(['share.offered']);
  });

  describe('an owner that the peer does not speak for', () => {
    it.each([
      ['of our own domain', () => bob],
      ['of another trusted peer', () => `alice@${other.host}`],
      ['of a sub-domain', () => `alice@sub.${peer.host}`],
      ['of the parent domain', () => 'alice@localhost'],
      ['with the peer as a prefix', () => `alice@${peer.host}.example`],
      ['with the peer as a suffix', () => `alice@evil-${peer.host}`],
      ['with an address as its user', () => `alice@${peer.host}@evil.example`],
    ])('%s is refused, and leaves no row', async (_, owner) => {
      const body = offer(peer, bob, { owner: owner() });
      const answer = await peer.post('/shares', body);
      expect([403, 400]).toContain(answer.status);
      if (answer.status === 403) expect(bodyOf(answer)).toEqual({ message: 'OWNER_DOMAIN_MISMATCH' });
      expect(await rowsNamed(body.shareId)).toEqual([]);
    });

    it('is for the auditor once an hour, however often it is tried', async () => {
      for (const owner of [bob, `alice@${other.host}`]) await peer.post('/shares', offer(peer, bob, { owner }));
      const refused = await cloud.rows<{ peer: string; details: Json }>(
        `select * from federation.audit_entry where action = 'share.offered' and outcome = 'refused' and peer = $1`,
        peer.relationship,
      );
      expect(refused).toMatchObject([
        { object: `service:${peer.relationship}`, details: { owner: expect.any(String) } },
      ]);
    });

    it.each([
      ['a trailing dot', () => `alice@${peer.host}.`],
      ['a port', () => `alice@${peer.host}:443`],
      ['white space', () => `alice@${peer.host} `],
      ['a NUL', () => `alice@${peer.host}\u0000`],
      ['a look-alike letter', () => `alice@сloud1.localhost`],
    ])('with %s is never taken for the peer', async (_, owner) => {
      const body = offer(peer, bob, { owner: owner() });
      const answer = await peer.post('/shares', body);
      expect([400, 403]).toContain(answer.status);
      expect(await rowsNamed(body.shareId)).toEqual([]);
    });

    it('upper case is the same domain: DNS names know no case', async () => {
      const answer = await peer.post('/shares', offer(peer, bob, { owner: `alice@${peer.host.toUpperCase()}` }));
      expect(answer.status).toBe(201);
      expect(bodyOf(answer).owner).toBe(`alice@${peer.host}`);
    });

    it('upper case of another domain is refused', async () => {
      const answer = await peer.post('/shares', offer(peer, bob, { owner: `alice@${other.host.toUpperCase()}` }));
      expect([answer.status, bodyOf(answer).message]).toEqual([403, 'OWNER_DOMAIN_MISMATCH']);
    });
  });

  it('an owner without a domain belongs to the peer', async () => {
    const answer = await peer.post('/shares', offer(peer, bob, { owner: 'alice' }));
    expect(bodyOf(answer).owner).toBe(`alice@${peer.host}`);
  });

  it.each([
    ['the username', () => bob],
    ['the account id', () => bobId],
    ['the bare username', () => 'bob'],
  ])('finds the recipient by %s', async (_, shareWith) => {
    const answer = await peer.post('/shares', offer(peer, shareWith()));
    expect(answer.status).toBe(201);
    expect(bodyOf(answer).shareWith).toBe(shareWith());
    const [row] = await cloud.rows(
      'select recipient_account from federation.incoming_share where id = $1',
      bodyOf(answer).id,
    );
    expect(row).toEqual({ recipient_account: bobId });
  });

  it.each([
    ['nobody here', () => `nobody@${cloud.host}`],
    ['somebody elsewhere', () => `bob@elsewhere.example`],
    ['somebody of the peer itself', () => `bob@${peer.host}`],
    ['a bare name of nobody', () => 'nobody'],
  ])('%s is no recipient', async (_, shareWith) => {
    const answer = await peer.post('/shares', offer(peer, shareWith()));
    expect(answer.status).toBe(400);
    expect(bodyOf(answer)).toEqual({
      message: 'VALIDATION_FAILED',
      validationErrors: [{ name: 'shareWith', message: 'NOT_FOUND' }],
    });
  });

  it.each<[string, unknown, string, string]>([
    ['shareWith', undefined, 'shareWith', 'REQUIRED'],
    ['name', undefined, 'name', 'REQUIRED'],
    ['providerId', undefined, 'providerId', 'REQUIRED'],
    ['owner', undefined, 'owner', 'REQUIRED'],
    ['protocol', undefined, 'protocol', 'REQUIRED'],
    ['shareWith', 7, 'shareWith', 'INVALID'],
    ['shareWith', 'a b@c', 'shareWith', 'INVALID'],
    ['name', 'n'.repeat(256), 'name', 'TOO_LONG'],
    ['name', 'é'.repeat(128), 'name', 'TOO_LONG'],
    ['shareId', 's'.repeat(256), 'shareId', 'TOO_LONG'],
    ['providerId', 'p'.repeat(256), 'providerId', 'TOO_LONG'],
    ['description', 'd'.repeat(2049), 'description', 'TOO_LONG'],
    ['owner', `${'o'.repeat(310)}@cloud1.localhost`, 'owner', 'TOO_LONG'],
    ['expiration', 'tomorrow', 'expiration', 'INVALID'],
    ['expiration', -1, 'expiration', 'INVALID'],
    ['expiration', 1e300, 'expiration', 'INVALID'],
    ['permission', 'owner', 'permission', 'NOT_SUPPORTED'],
    ['permission', 'all', 'permission', 'INVALID'],
    ['protocol', [], 'protocol', 'INVALID'],
    ['protocol', Array(9).fill({ name: 'pf_classic', options: { access_token: 'x' } }), 'protocol', 'TOO_MANY'],
    ['protocol', [{ name: 'pf_classic', options: {} }], 'protocol[0].options.access_token', 'REQUIRED'],
    ['shareType', 'group', 'shareWith', 'NOT_SUPPORTED'],
  ])('%s = %j is refused as %s/%s', async (field, value, name, message) => {
    const body = { ...offer(peer, bob), [field]: value };
    const answer = await peer.post('/shares', body);
    expect(answer.status).toBe(400);
    expect(bodyOf(answer).message).toBe('VALIDATION_FAILED');
    expect(bodyOf(answer).validationErrors).toContainEqual({ name, message });
  });

  it('every broken field is named at once', async () => {
    const { validationErrors } = bodyOf(await peer.post('/shares', { shareId: 'x' }));
    const names = (validationErrors as { name: string }[]).map(({ name }) => name).sort();
    expect(names).toEqual(['name', 'owner', 'protocol', 'providerId', 'shareWith']);
  });

  it('a missing permission means the least', async () => {
    const body = offer(peer, bob);
    const answer = await peer.post('/shares', { ...body, permission: undefined });
    expect(bodyOf(answer).permission).toBe('read');
  });

  it.each([
    ['another host', 'https://evil.example/dav'],
    ['the peer as a prefix', 'https://cloud1.localhost.evil.example/dav'],
    ['the peer as its user', 'https://cloud1.localhost@evil.example/dav'],
    ['another scheme', 'http://cloud1.localhost/dav'],
  ])('a uri at %s is refused', async (_, uri) => {
    const body = offer(peer, bob, { protocol: [{ name: 'webdav', options: { access_token: 'x', uri } }] });
    const answer = await peer.post('/shares', body);
    expect([answer.status, bodyOf(answer).message]).toEqual([400, 'PROTOCOL_URI_NOT_ALLOWED']);
    expect(await rowsNamed(body.shareId)).toEqual([]);
  });

  it('an unknown protocol alone is 501, beside a known one it is passed over', async () => {
    const unknown = { name: 'smb', options: { share: 'x' } };
    const known = { name: 'pf_classic', options: { access_token: 'x' } };
    const refused = await peer.post('/shares', offer(peer, bob, { protocol: [unknown] }));
    expect([refused.status, bodyOf(refused).message]).toEqual([501, 'PROTOCOL_NOT_SUPPORTED']);
    const taken = await peer.post('/shares', offer(peer, bob, { protocol: [unknown, known] }));
    expect(bodyOf(taken).protocol).toEqual([{ name: 'pf_classic', options: {} }]);
  });

  it('fields that are ours to decide are ignored', async () => {
    const mine = {
      id: 'mine',
      state: 'accepted',
      createdAt: '1999-01-01T00:00:00Z',
      accepted: true,
      confirmed: true,
      peerId: other.relationship,
      relationshipId: other.relationship,
      recipientAccount: 'somebody',
      sequence: 99,
      _links: { self: { href: 'https://evil.example' } },
    };
    const body = offer(peer, bob, mine);
    const share = bodyOf(await peer.post('/shares', body));
    expect(share.id).not.toBe('mine');
    expect(share.state).toBe('pending');
    expect(share.createdAt).not.toBe(mine.createdAt);
    expect(share._links).toEqual({ self: { href: `/shares/${share.id}` } });
    const [row] = await cloud.rows('select * from federation.incoming_share where id = $1', share.id);
    expect(row).toMatchObject({
      relationship_id: peer.relationship,
      recipient_account: bobId,
      state: 'pending',
      confirmed: false,
      sequence: '0',
    });
  });

  it('names are scoped by peer: whoever uses a shareId or a key first disturbs nobody else', async () => {
    const mine = offer(peer, bob);
    const headers = { 'idempotency-key': randomName() };
    const theirs = offer(other, bob, { shareId: mine.shareId, providerId: mine.providerId });
    const first = await other.post('/shares', theirs, headers);
    const second = await peer.post('/shares', mine, headers);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(bodyOf(first).id).not.toBe(bodyOf(second).id);
    expect(bodyOf(second).owner).toBe(`alice@${peer.host}`);
    await other.post('/notifications', { type: 'SHARE_UNSHARED', shareId: mine.shareId });
    expect(bodyOf(await peer.get(`/shares/${bodyOf(second).id}`)).state).toBe('pending');
  });

  it('a share that has already expired is stored as it is: only its owner decides what becomes of it', async () => {
    const body = offer(peer, bob, { expiration: 1_000_000_000 });
    const answer = await peer.post('/shares', body);
    expect(answer.status).toBe(201);
    const share = await cloud.json('GET', `/api/v1/shares/incoming/${bodyOf(answer).id}`);
    expect(share.state).toBe('expired');
    const accepted = await cloud.api('POST', `/api/v1/shares/incoming/${bodyOf(answer).id}/accept`);
    expect([accepted.status, bodyOf(accepted).message]).toEqual([409, 'STATE_CONFLICT']);
  });

  describe('in plain OCM 0.0.3', () => {
    const plain = (more: Json = {}): Json => ({
      owner: `alice@${peer.host}`,
      shareWith: bob,
      name: 'foo',
      providerId: randomName(),
      protocol: { name: 'webdav', options: { access_token: 'x', permissions: 31 } },
      ...more,
    });

    it('it is received, answered with one protocol and no shareId', async () => {
      const body = plain();
      const answer = await peer.post('/shares', body);
      expect(answer.status).toBe(201);
      expect(bodyOf(answer)).toMatchObject({ permission: 'admin', protocol: { name: 'webdav', options: {} } });
      expect(bodyOf(answer)).not.toHaveProperty('shareId');
      expect(bodyOf(await peer.get(`/shares/${bodyOf(answer).id}`))).toEqual(bodyOf(answer));
    });

    it('a repeat is known by resource and recipient; other content is a conflict', async () => {
      const body = plain();
      const first = bodyOf(await peer.post('/shares', body));
      expect(bodyOf(await peer.post('/shares', body)).id).toBe(first.id);
      const conflict = await peer.post('/shares', { ...body, name: 'bar' });
      expect([conflict.status, bodyOf(conflict).message]).toEqual([409, 'SHARE_CONFLICT']);
    });

    it.each([
      [
        'withdrawn',
        async (id: string, body: Json) => {
          const { providerId, shareWith } = body;
          const answer = await peer.post('/notifications', { type: 'SHARE_UNSHARED', providerId, shareWith });
          expect(answer.status, id).toBe(201);
        },
      ],
      [
        'expired',
        async (id: string) => {
          await cloud.rows(
            `update federation.incoming_share set expires_at = now() - interval '1 second' where id = $1`,
            id,
          );
        },
      ],
    ])('once it was %s, it can be offered anew', async (_, end) => {
      const body = plain();
      const first = bodyOf(await peer.post('/shares', body));
      await end(String(first.id), body);
      const again = await peer.post('/shares', { ...body, name: 'bar' });
      expect(again.status).toBe(201);
      expect(bodyOf(again).id).not.toBe(first.id);
      expect(bodyOf(again).state).toBe('pending');
    });

    it('an offer anew replaces what has expired by the clock of the database, for good: that stands in the trail', async () => {
      const body = plain({ expiration: 4_000_000_000 });
      const first = bodyOf(await peer.post('/shares', body));
      const anew = () => peer.post('/shares', { ...body, expiration: undefined });
      expect(bodyOf(await anew()).message).toBe('SHARE_CONFLICT');
      const clock = vi.spyOn(cloud.get(ShareClock), 'now').mockResolvedValue(new Date(4_000_000_000_000));
      try {
        expect((await anew()).status).toBe(201);
      } finally {
        clock.mockRestore();
      }
      const actions = (await auditOf(cloud, String(first.id))).map(({ action }) => action);
      expect(actions).toEqual(['share.offered', 'share.replaced']);
      const [row] = await cloud.rows(
        'select state, protocols_sealed, expires_at > now() as early from federation.incoming_share where id = $1',
        first.id,
      );
      expect(row).toEqual({ state: 'expired', protocols_sealed: null, early: true });
    });
  });

  it('PowerFolder words without a shareId keep all their protocols', async () => {
    const classic = { name: 'pf_classic', options: { access_token: 'a' } };
    const webdav = { name: 'webdav', options: { access_token: 'b' } };
    const body = offer(peer, bob, { providerId: randomName(), protocol: [classic, webdav] });
    const answer = await peer.post('/shares', { ...body, shareId: undefined });
    expect(answer.status).toBe(201);
    const both = [
      { name: 'pf_classic', options: {} },
      { name: 'webdav', options: {} },
    ];
    expect(bodyOf(answer).protocol).toEqual(both);
    expect(bodyOf(await peer.get(`/shares/${bodyOf(answer).id}`)).protocol).toEqual(both);
  });
});
