import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FederationEvent } from '../../src/host/federation-events.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, TestCloud } from '../support/cloud.js';
import {
  auditOf,
  bodyOf,
  deliverNow,
  introspect,
  type Json,
  listenTo,
  type Outgoing,
  outgoing,
  randomName,
} from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

const DAY = 24 * 60 * 60 * 1000;

describe('sharing with another cloud', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let alice: string;
  let aliceId: string;
  let told: FederationEvent[];

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud1', authority });
    alice = `alice@${cloud.host}`;
    aliceId = String((await cloud.json('POST', '/api/v1/accounts', { username: alice, displayName: 'Alice' })).id);
    cloud.makeResource(alice, 'field-notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud2');
    told = listenTo(cloud);
    answerAll();
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

  function answerAll(): void {
    peer.answers(({ path }) =>
      path === '/shares'
        ? { kind: 'json', status: 201, body: { id: `remote-${randomName()}`, state: 'pending' } }
        : { kind: 'json', status: 201 },
    );
  }

  const share = (more: Json = {}): Json => ({
    owner: alice,
    shareWith: `bob@${peer.host}`,
    name: 'Field notes',
    resourceId: 'field-notes',
    permission: 'read',
    ...more,
  });
  const create = (more: Json = {}) => cloud.json<Outgoing>('POST', '/api/v1/shares/outgoing', share(more));
  const inState = (id: string, state: string) =>
    eventually(`${id} ${state}`, async () => {
      const found = await outgoing(cloud, id);
      return found.state === state && found;
    });
  const pending = async (more: Json = {}) => inState((await create(more)).id, 'pending');
  const answer = (type: string, { shareId }: Outgoing) => peer.post('/notifications', { type, shareId });
  const change = (id: string, body: unknown) => cloud.api('PATCH', `/api/v1/shares/outgoing/${id}`, body);
  const withdraw = (id: string) => cloud.api('DELETE', `/api/v1/shares/outgoing/${id}`);
  const messagesAbout = ({ shareId }: Outgoing): Json[] =>
    peer
      .received('/notifications')
      .map(({ body }) => JSON.parse(body) as Json)
      .filter((message) => message.shareId === shareId);

  it('offers it in PowerFolder’s words, the token with it, and becomes pending with the 201', async () => {
    const expiresAt = new Date(Date.now() + DAY).toISOString();
    const created = await create({ description: 'please comment', expiresAt, permission: 'read_write' });
    expect(created).toMatchObject({
      owner: alice,
      shareWith: `bob@${peer.host}`,
      state: 'pending-delivery',
      permission: 'read_write',
      description: 'please comment',
      expiresAt,
      reason: null,
      delivery: { state: 'waiting' },
    });
    expect(Buffer.from(created.id, 'base64url').length).toBeGreaterThanOrEqual(16);
    const settled = await inState(created.id, 'pending');
    expect(settled.delivery).toMatchObject({ state: 'delivered', attempts: 1, nextAttempt: null, reason: null });
    const sent = peer.received('/shares').map(({ body, headers }) => ({ body: JSON.parse(body) as Json, headers }));
    const offers = sent.filter(({ body }) => body.shareId === created.shareId);
    expect(offers).toHaveLength(1);
    expect(offers[0]?.headers['idempotency-key']).toMatch(/^[\w-]{22,}$/);
    expect(offers[0]?.body).toEqual({
      shareId: created.shareId,
      owner: alice,
      shareWith: `bob@${peer.host}`,
      permission: 'read_write',
      name: 'Field notes',
      description: 'please comment',
      providerId: 'field-notes',
      expiration: Math.floor(Date.parse(expiresAt) / 1000),
      protocol: [{ name: 'pf_classic', options: { access_token: expect.stringMatching(/^[\w-]{43}$/) } }],
    });
    expect((await auditOf(cloud, created.id)).map(({ action }) => action)).toEqual([
      'share.created',
      'share.delivered',
    ]);
  });

  it.each<[string, Json, string, string]>([
    ['an owner of nobody', { owner: 'nobody' }, 'owner', 'NOT_FOUND'],
    ['a resource that is not there', { resourceId: 'other' }, 'resourceId', 'NOT_FOUND'],
    ['a resource out of bounds', { resourceId: '../field-notes' }, 'resourceId', 'NOT_FOUND'],
    ['a recipient of nobody’s domain', { shareWith: 'bob@elsewhere.example' }, 'shareWith', 'NOT_FOUND'],
    ['a recipient of a sub-domain', { shareWith: 'bob@sub.cloud2.localhost' }, 'shareWith', 'NOT_FOUND'],
    ['a local recipient', { shareWith: 'alice@cloud1.localhost' }, 'shareWith', 'NOT_FOUND'],
    ['no address at all', { shareWith: 'bob' }, 'shareWith', 'INVALID'],
    ['an end in the past', { expiresAt: '2001-01-01T00:00:00Z' }, 'expiresAt', 'INVALID'],
    ['a date alone', { expiresAt: '2099-01-01' }, 'expiresAt', 'INVALID'],
    ['a week', { expiresAt: '2099-W01-1' }, 'expiresAt', 'INVALID'],
    ['the 30th of February', { expiresAt: '2099-02-30T00:00:00Z' }, 'expiresAt', 'INVALID'],
    ['the 400th day', { expiresAt: '2099-400T00:00:00Z' }, 'expiresAt', 'INVALID'],
    ['a moment of no zone', { expiresAt: '2099-01-01T00:00:00' }, 'expiresAt', 'INVALID'],
    ['an end of null', { expiresAt: null }, 'expiresAt', 'REQUIRED'],
    ['a name of null', { name: null }, 'name', 'REQUIRED'],
    ['a name that is a number', { name: 7 }, 'name', 'INVALID'],
    ['a name that is an object', { name: { $gt: '' } }, 'name', 'INVALID'],
    ['a resource that is a list', { resourceId: ['field-notes'] }, 'resourceId', 'INVALID'],
    ['a description that is an object', { description: {} }, 'description', 'INVALID'],
    ['a name of two lines', { name: 'a\nb' }, 'name', 'INVALID'],
    ['a long name', { name: 'é'.repeat(128) }, 'name', 'TOO_LONG'],
    ['a long description', { description: 'd'.repeat(2049) }, 'description', 'TOO_LONG'],
    ['the permission to own', { permission: 'owner' }, 'permission', 'INVALID'],
    ['a state of its own', { state: 'accepted' }, 'state', 'UNKNOWN'],
  ])('%s is refused, and leaves nothing', async (_, more, name, message) => {
    const count = () => cloud.rows('select id from federation.outgoing_share').then((rows) => rows.length);
    const before = await count();
    const refused = await cloud.api('POST', '/api/v1/shares/outgoing', share(more));
    expect(refused.status).toBe(400);
    expect(bodyOf(refused)).toEqual({ message: 'VALIDATION_FAILED', validationErrors: [{ name, message }] });
    expect(await count()).toBe(before);
  });

  it('the owner may be named by its account id', async () => {
    const created = await create({ owner: aliceId });
    expect(created).toMatchObject({ owner: alice });
  });

  it('a repeated Idempotency-Key gives the same share; for another share it is a conflict', async () => {
    const headers = { 'idempotency-key': randomName() };
    const post = (more: Json) => cloud.api('POST', '/api/v1/shares/outgoing', share(more), { headers });
    const answers = await Promise.all([post({}), post({}), post({})]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(new Set(answers.map((one) => bodyOf(one).id)).size).toBe(1);
    const other = await post({ permission: 'admin' });
    expect([other.status, bodyOf(other).message]).toEqual([409, 'STATE_CONFLICT']);
    const rows = await cloud.rows(
      'select id from federation.audit_entry where action = $1 and object = $2',
      'share.created',
      `outgoing-share:${bodyOf(answers[0] ?? other).id}`,
    );
    expect(rows).toHaveLength(1);
  });

  describe('lists', () => {
    const list = (query: string) => cloud.api('GET', `/api/v1/shares/outgoing?${query}`);
    const items = async (query: string) => (bodyOf(await list(query)) as unknown as { items: Outgoing[] }).items;

    it('are newest first, by owner, in pages that neither skip nor repeat', async () => {
      const carol = await cloud.createAccount('carol');
      cloud.makeResource(carol, 'field-notes');
      const ids: string[] = [];
      for (let at = 0; at < 5; at += 1) ids.unshift((await create({ owner: carol })).id);
      const seen: string[] = [];
      let cursor = '';
      for (let at = 0; at < 4; at += 1) {
        const page = bodyOf(await list(`owner=${carol}&limit=2${cursor}`)) as unknown as {
          items: Outgoing[];
          next: string | null;
        };
        seen.push(...page.items.map(({ id }) => id));
        if (page.next === null) break;
        cursor = `&cursor=${page.next}`;
      }
      expect(seen).toEqual(ids);
      expect(await items(`owner=nobody@${cloud.host}`)).toEqual([]);
    });

    it('by state go by what the state is now, not by what it was', async () => {
      const { id } = await pending();
      await cloud.rows(
        `update federation.outgoing_share set expires_at = now() - interval '1 second' where id = $1`,
        id,
      );
      expect((await items('state=expired')).map((one) => one.id)).toEqual([id]);
      expect((await items('state=pending')).map((one) => one.id)).not.toContain(id);
    });

    it.each(['state=gone', 'state=pending&state=left', 'cursor=x', 'cursor=', 'limit=0', 'limit=201', 'limit=x'])(
      'refuse %s',
      async (query) => {
        const refused = await list(query);
        expect([refused.status, bodyOf(refused).message]).toEqual([400, 'VALIDATION_FAILED']);
      },
    );
  });

  it('an unknown one is 404 in every call', async () => {
    const calls = [cloud.api('GET', '/api/v1/shares/outgoing/x'), change('x', {}), withdraw('x')];
    for (const call of await Promise.all(calls)) {
      expect([call.status, bodyOf(call).message]).toEqual([404, 'RESOURCE_NOT_FOUND']);
    }
  });

  describe('a change', () => {
    it('is true here at once, and told with a rising sequence', async () => {
      const created = await pending();
      const permission = bodyOf(await change(created.id, { permission: 'admin' }));
      expect(permission).toMatchObject({ permission: 'admin', state: 'pending' });
      const expiresAt = new Date(Date.now() + DAY).toISOString();
      await change(created.id, { name: 'Renamed', description: '', expiresAt });
      await change(created.id, { expiresAt: null });
      await eventually('all is told', async () => messagesAbout(created).length === 3);
      const { shareId } = created;
      const common = { shareId, providerId: 'field-notes' };
      expect(messagesAbout(created)).toEqual([
        { ...common, type: 'SHARE_PERMISSION_CHANGED', permission: 'admin', sequence: 1 },
        {
          ...common,
          type: 'SHARE_UPDATED',
          name: 'Renamed',
          description: '',
          expiration: Math.floor(Date.parse(expiresAt) / 1000),
          sequence: 2,
        },
        { ...common, type: 'SHARE_UPDATED', expiration: null, sequence: 3 },
      ]);
    });

    it('of permission and name together is two messages, in one act', async () => {
      const created = await pending();
      await change(created.id, { permission: 'admin', name: 'Both' });
      await eventually('both are told', async () => messagesAbout(created).length === 2);
      expect(messagesAbout(created).map(({ type, sequence }) => [type, sequence])).toEqual([
        ['SHARE_PERMISSION_CHANGED', 1],
        ['SHARE_UPDATED', 2],
      ]);
    });

    it('to what is so already says nothing', async () => {
      const created = await pending();
      const same = await change(created.id, { permission: 'read', name: 'Field notes', expiresAt: null });
      expect(same.status).toBe(200);
      await change(created.id, {});
      await withdraw(created.id);
      await eventually('the withdrawal is told', async () => messagesAbout(created).length > 0);
      expect(messagesAbout(created).map(({ type }) => type)).toEqual(['SHARE_UNSHARED']);
    });

    it.each<[string, Json, string, string]>([
      ['a permission of null', { permission: null }, 'permission', 'REQUIRED'],
      ['a name of null', { name: null }, 'name', 'REQUIRED'],
      ['a description of null', { description: null }, 'description', 'REQUIRED'],
      ['a name that is a list', { name: ['x'] }, 'name', 'INVALID'],
      ['a blank name', { name: ' ' }, 'name', 'INVALID'],
      ['an end in the past', { expiresAt: '2001-01-01T00:00:00Z' }, 'expiresAt', 'INVALID'],
      ['a week', { expiresAt: '2099-W01-1' }, 'expiresAt', 'INVALID'],
      ['another owner', { owner: 'x' }, 'owner', 'UNKNOWN'],
    ])('to %s is refused', async (_, body, name, message) => {
      const { id } = await create();
      const refused = await change(id, body);
      expect(refused.status).toBe(400);
      expect(bodyOf(refused).validationErrors).toEqual([{ name, message }]);
    });

    it.each(['declined', 'left', 'withdrawn', 'failed'])('of one that is %s is a conflict', async (state) => {
      const { id } = await pending();
      await cloud.rows('update federation.outgoing_share set state = $2 where id = $1', id, state);
      const refused = await change(id, { permission: 'admin' });
      expect([refused.status, bodyOf(refused).message]).toEqual([409, 'STATE_CONFLICT']);
    });

    it('of one that has expired is a conflict, unless it gets a later end: that brings it back', async () => {
      const created = await pending();
      await answer('SHARE_ACCEPTED', created);
      await cloud.rows(
        `update federation.outgoing_share set expires_at = now() - interval '1 second' where id = $1`,
        created.id,
      );
      expect((await outgoing(cloud, created.id)).state).toBe('expired');
      expect((await change(created.id, { permission: 'admin' })).status).toBe(409);
      const prolonged = await change(created.id, { expiresAt: new Date(Date.now() + DAY).toISOString() });
      expect([prolonged.status, bodyOf(prolonged).state]).toEqual([200, 'accepted']);
      await eventually('the peer is told', async () => messagesAbout(created).length === 1);
      expect(messagesAbout(created)[0]).toMatchObject({ type: 'SHARE_UPDATED', sequence: 1 });
    });

    const tellNothing = (status: number, body: Json) =>
      peer.answers(({ path }) => ({ kind: 'json', status: path === '/notifications' ? status : 201, body }));
    const undeliverable = ({ id }: Outgoing) =>
      told.filter(({ share: about, type }) => about === id && type === 'share-undeliverable');
    const settledChanges = ({ id }: Outgoing) =>
      cloud.rows<{ state: string }>(
        `select state from federation.delivery where kind = 'share-message' and meaning ->> 'share' = $1 and state <> 'waiting'`,
        id,
      );

    it.each<[string, Json]>([
      ['of the permission', { permission: 'admin' }],
      ['of the name', { name: 'Renamed' }],
    ])('%s that the peer refuses is told to the owner, with its code', async (_, body) => {
      const created = await pending();
      tellNothing(404, { message: 'RESOURCE_NOT_FOUND' });
      try {
        expect((await change(created.id, body)).status).toBe(200);
        await eventually('alice is told', async () => undeliverable(created).length > 0);
      } finally {
        answerAll();
      }
      expect(undeliverable(created)).toMatchObject([
        { account: aliceId, counterpart: `bob@${peer.host}`, reason: 'RESOURCE_NOT_FOUND' },
      ]);
      expect((await outgoing(cloud, created.id)).state).toBe('pending');
    });

    it('that could not be told in all its time is told to the owner', async () => {
      const created = await pending();
      tellNothing(503, {});
      try {
        await change(created.id, { permission: 'admin' });
        await eventually('it was tried', async () => messagesAbout(created).length > 0);
        await cloud.rows(
          `update federation.delivery set expires_at = now() where state = 'waiting' and kind = 'share-message'`,
        );
        await deliverNow(cloud);
        await eventually('alice is told', async () => undeliverable(created).length > 0);
      } finally {
        answerAll();
      }
      expect(undeliverable(created)).toMatchObject([{ reason: 'error-5xx' }]);
    });

    it('that is refused because the recipient has said no meanwhile is no news', async () => {
      const created = await pending();
      tellNothing(503, {});
      try {
        await change(created.id, { permission: 'admin' });
        await eventually('it was tried', async () => messagesAbout(created).length > 0);
        await answer('SHARE_DECLINED', created);
        tellNothing(409, { message: 'STATE_CONFLICT' });
        await deliverNow(cloud);
        await eventually('it is refused', async () => (await settledChanges(created)).length > 0);
      } finally {
        answerAll();
      }
      expect((await settledChanges(created))[0]?.state).toBe('refused');
      await eventually('alice is told of the no', async () =>
        told.some(({ share: about, type }) => about === created.id && type === 'share-declined'),
      );
      expect(undeliverable(created)).toEqual([]);
    });

    it('made while the peer is told of another is not lost: fifty at once end in one order', async () => {
      const created = await pending();
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, at) => change(created.id, { name: `Name ${at}` })),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
      await eventually('all are told', async () => messagesAbout(created).length === 50);
      const messages = messagesAbout(created);
      expect(messages.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
      expect(messages.at(-1)?.name).toBe((await outgoing(cloud, created.id)).name);
    });
  });

  describe('withdrawing', () => {
    it('is 204, again 204, and told once', async () => {
      const created = await pending();
      expect((await withdraw(created.id)).status).toBe(204);
      expect((await withdraw(created.id)).status).toBe(204);
      expect((await outgoing(cloud, created.id)).state).toBe('withdrawn');
      await eventually('it is told', async () => messagesAbout(created).length > 0);
      const common = { shareId: created.shareId, providerId: 'field-notes' };
      expect(messagesAbout(created)).toEqual([{ ...common, type: 'SHARE_UNSHARED', sequence: 1 }]);
      const actions = (await auditOf(cloud, created.id)).map(({ action }) => action);
      expect(actions).toEqual(['share.created', 'share.delivered', 'share.withdrawn']);
    });

    it('fifty times at once has one effect', async () => {
      const created = await pending();
      const answers = await Promise.all(Array.from({ length: 50 }, () => withdraw(created.id)));
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(204));
      const audited = (await auditOf(cloud, created.id)).filter(({ action }) => action === 'share.withdrawn');
      expect(audited).toHaveLength(1);
    });

    it.each(['declined', 'left'])('one that was %s is a conflict', async (state) => {
      const { id } = await pending();
      await cloud.rows('update federation.outgoing_share set state = $2 where id = $1', id, state);
      const refused = await withdraw(id);
      expect([refused.status, bodyOf(refused).message]).toEqual([409, 'STATE_CONFLICT']);
    });

    it('one that could not be delivered keeps it from coming to life by a late acceptance', async () => {
      const created = await pending();
      await cloud.rows(`update federation.outgoing_share set state = 'failed' where id = $1`, created.id);
      expect((await withdraw(created.id)).status).toBe(204);
      const late = await answer('SHARE_ACCEPTED', created);
      expect([late.status, bodyOf(late).message]).toEqual([409, 'SHARE_WITHDRAWN']);
    });
  });

  describe('the recipient’s answer', () => {
    it.each([
      ['SHARE_ACCEPTED', 'accepted', 'share-accepted'],
      ['SHARE_DECLINED', 'declined', 'share-declined'],
      ['SHARE_REMOVED', 'left', 'share-left'],
    ])('%s makes it %s, and the owner is told once', async (type, state, event) => {
      const created = await pending();
      expect((await answer(type, created)).status).toBe(201);
      expect((await answer(type, created)).status).toBe(201);
      expect((await outgoing(cloud, created.id)).state).toBe(state);
      const about = () => told.filter((one) => one.share === created.id);
      await eventually('alice is told', async () => about().length > 0);
      expect(about()).toMatchObject([
        { type: event, account: aliceId, name: 'Field notes', counterpart: `bob@${peer.host}` },
      ]);
    });

    it('from fifty calls at once has one effect', async () => {
      const created = await pending();
      const answers = await Promise.all(Array.from({ length: 50 }, () => answer('SHARE_ACCEPTED', created)));
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(201));
      const audited = (await auditOf(cloud, created.id)).filter(({ action }) => action === 'share.accepted');
      expect(audited).toHaveLength(1);
    });
  });

  describe('an answer that names only the resource', () => {
    const named = (type: string, providerId: string, shareWith?: string) =>
      peer.post('/notifications', { type, providerId, shareWith });
    const stateOf = async ({ id }: Outgoing) => (await outgoing(cloud, id)).state;
    const shared = async () => {
      const resourceId = randomName();
      cloud.makeResource(alice, resourceId);
      return { resourceId, share: await pending({ resourceId }) };
    };
    const set = (values: string, { id }: Outgoing) =>
      cloud.rows(`update federation.outgoing_share set ${values} where id = $1`, id);
    const bob = () => `bob@${peer.host}`;

    it('is ambiguous among several shares, and says so; with the recipient it is not', async () => {
      const { resourceId, share: first } = await shared();
      const second = await pending({ resourceId, shareWith: `carol@${peer.host}` });
      const refused = await named('SHARE_DECLINED', resourceId);
      expect(refused.status).toBe(400);
      expect(bodyOf(refused).validationErrors).toEqual([{ name: 'providerId', message: 'AMBIGUOUS' }]);
      expect((await named('SHARE_DECLINED', resourceId, `carol@${peer.host}`)).status).toBe(201);
      expect([await stateOf(first), await stateOf(second)]).toEqual(['pending', 'declined']);
    });

    it('is about the newest that lives, if several live with the same recipient', async () => {
      const { resourceId, share: first } = await shared();
      const second = await pending({ resourceId });
      const ended = await pending({ resourceId });
      await withdraw(ended.id);
      expect((await named('SHARE_ACCEPTED', resourceId, bob())).status).toBe(201);
      expect([await stateOf(first), await stateOf(second)]).toEqual(['pending', 'accepted']);
    });

    it.each([
      ['failed', `state = 'failed'`],
      ['expired', `expires_at = now() - interval '1 second'`],
    ])('is about the one that lives rather than one that %s, however new', async (_, values) => {
      const { resourceId, share: living } = await shared();
      const other = await pending({ resourceId });
      await set(values, other);
      expect((await named('SHARE_ACCEPTED', resourceId)).status).toBe(201);
      expect([await stateOf(living), await stateOf(other)]).toEqual([
        'accepted',
        values.startsWith('s') ? 'failed' : 'expired',
      ]);
    });

    it('is about one that failed and may have arrived rather than one that was sent again or has lost its token', async () => {
      const { resourceId, share: lost } = await shared();
      const [resent, ended] = [await pending({ resourceId }), await pending({ resourceId })];
      await set(`state = 'failed'`, lost);
      await set(`state = 'failed', resent_as = 'another', token_hash = null`, resent);
      await set(`state = 'failed', token_hash = null`, ended);
      expect((await named('SHARE_ACCEPTED', resourceId)).status).toBe(201);
      expect([await stateOf(lost), await stateOf(resent), await stateOf(ended)]).toEqual([
        'accepted',
        'failed',
        'failed',
      ]);
    });
  });

  it('a peer whose 201 names no state counts as accepted only if its policy says so', async () => {
    peer.server.script({ kind: 'json', status: 201, body: {} });
    expect((await pending()).state).toBe('pending');
    const setPolicy = (policy: object) =>
      cloud.rows(
        'update federation.relationship set policy = $2 where id = $1',
        peer.relationship,
        JSON.stringify(policy),
      );
    await setPolicy({ implicitAcceptance: true });
    peer.server.script({ kind: 'json', status: 201, body: {} });
    const implicit = await inState((await create()).id, 'accepted');
    expect((await auditOf(cloud, implicit.id)).map(({ action }) => action)).toEqual([
      'share.created',
      'share.accepted',
    ]);
    peer.server.script({ kind: 'json', status: 201, body: { state: 'pending' } });
    expect((await pending()).state).toBe('pending');
    await setPolicy({});
    expect((await answer('SHARE_DECLINED', implicit)).status).toBe(201);
    expect((await outgoing(cloud, implicit.id)).state).toBe('declined');
  });

  it('deleting the account withdraws what it shares, what failed too', async () => {
    const dave = await cloud.createAccount('dave');
    cloud.makeResource(dave, 'field-notes');
    const shares = [await pending({ owner: dave }), await pending({ owner: dave }), await pending({ owner: dave })];
    await cloud.rows(`update federation.outgoing_share set state = 'failed' where id = $1`, shares[1]?.id);
    await cloud.rows(`update federation.outgoing_share set state = 'declined' where id = $1`, shares[2]?.id);
    const { items } = await cloud.json<{ items: { id: string; username: string }[] }>('GET', '/api/v1/accounts');
    const account = items.find(({ username }) => username === dave);
    expect((await cloud.api('DELETE', `/api/v1/accounts/${account?.id}`)).status).toBe(204);
    const states = await Promise.all(shares.map(async ({ id }) => (await outgoing(cloud, id)).state));
    expect(states).toEqual(['withdrawn', 'withdrawn', 'declined']);
    expect((await answer('SHARE_ACCEPTED', shares[1] ?? (await create()))).status).toBe(409);
  });

  describe('introspection', () => {
    const tokenOf = ({ shareId }: Outgoing): string => {
      const sent = peer.received('/shares').map(({ body }) => JSON.parse(body));
      return sent.find((body) => body.shareId === shareId)?.protocol[0].options.access_token;
    };

    it('says what an accepted share is worth, and nothing of any other', async () => {
      const expiresAt = new Date(Date.now() + DAY).toISOString();
      const created = await pending({ expiresAt, permission: 'read_write' });
      const token = tokenOf(created);
      expect(await introspect(cloud, token)).toEqual({ active: false });
      await answer('SHARE_ACCEPTED', created);
      expect(await introspect(cloud, token)).toEqual({
        active: true,
        sub: `bob@${peer.host}`,
        scope: 'read_write',
        share_id: created.shareId,
        owner: alice,
        resource_id: 'field-notes',
        exp: Math.floor(Date.parse(expiresAt) / 1000),
      });
      await change(created.id, { permission: 'read', expiresAt: null });
      const now = await introspect(cloud, token);
      expect(now).toMatchObject({ active: true, scope: 'read' });
      expect(now).not.toHaveProperty('exp');
      await cloud.rows(`update federation.outgoing_share set expires_at = now() where id = $1`, created.id);
      expect(await introspect(cloud, token)).toEqual({ active: false });
    });

    it.each<[string, (token: string) => string]>([
      ['one that was never given out', () => randomName()],
      ['one character short', (token) => token.slice(0, -1)],
      ['one character long', (token) => `${token}A`],
      ['in upper case', (token) => token.toUpperCase()],
      ['with space around it', (token) => ` ${token} `],
      ['of a megabyte’s kin', () => 'x'.repeat(8_000)],
    ])('of %s is inactive, and not a word more', async (_, spoil) => {
      const created = await pending();
      await answer('SHARE_ACCEPTED', created);
      expect(await introspect(cloud, tokenOf(created))).toMatchObject({ active: true });
      expect(await introspect(cloud, spoil(tokenOf(created)))).toEqual({ active: false });
    });

    it('needs a token, and the role of a host', async () => {
      const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
      const empty = await cloud.api('POST', '/api/v1/access/introspect', 'nothing=1', form);
      expect(empty.status).toBe(400);
      const anonymous = await cloud.api('POST', '/api/v1/access/introspect', 'token=x', {
        headers: { ...form.headers, authorization: 'Bearer wrong' },
      });
      expect(anonymous.status).toBe(401);
      const asPeer = await peer.call({ method: 'POST', path: '/api/v1/access/introspect', body: 'token=x', ...form });
      expect(asPeer.status).toBe(401);
    });
  });
});
