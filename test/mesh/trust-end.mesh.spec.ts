import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { establishTrust, eventually, inState, TestCloud } from '../support/cloud.js';
import { type HostilePeer, keepAliveAgent } from '../support/hostile-peer.js';
import {
  added,
  confirm,
  forgetAll,
  hostileAt,
  impatiently,
  received,
  service,
  stateOf,
  stopAll,
} from '../trust/mesh.js';

const NOTE = { method: 'POST', path: '/notifications', body: { type: 'GREETING', message: 'hello' } };
const PING = { method: 'POST', path: '/federation/ping' };

describe('the end of trust, told by the peer', () => {
  let cloud: TestCloud;
  let peer: HostilePeer;
  let id: string;
  let reference: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [cloud, peer] = await Promise.all([TestCloud.start({ name: 'a', authority }), hostileAt('b.localhost', authority)]);
  });
  beforeEach(async () => {
    const asked = await added(cloud, peer);
    const answer = await confirm(peer, cloud, { code: asked.code });
    id = asked.id;
    reference = (answer.json as { relationship: string }).relationship;
  });
  afterEach(async () => {
    await forgetAll(cloud);
    await cloud.rows('truncate federation.received_notification, federation.inbox');
    peer.requests.length = 0;
  });
  afterAll(() => stopAll(cloud, peer));

  const leave = (value: unknown) => {
    const body = JSON.stringify(value);
    // Without it Node sends the body of a DELETE unframed.
    const headers = { 'content-length': String(Buffer.byteLength(body)) };
    return peer.call(cloud.origin, { method: 'DELETE', path: '/federation/trust', body, headers });
  };
  /** Runs work while another session holds the lock that the statements take. */
  const whileLocked = async (statement: string, work: (release: (last?: string) => Promise<void>) => Promise<void>) => {
    const client = new pg.Client({ connectionString: cloud.databaseUrl });
    await client.connect();
    try {
      await client.query('begin');
      await client.query(statement);
      await work(async (last = 'select 1') => {
        await client.query(last);
        await client.query('commit');
      });
    } finally {
      await client.end();
    }
  };
  const waitsForLock = () =>
    eventually('a session waits', async () => {
      const [row] = await cloud.rows<{ waiting: number }>(
        `select count(*)::int as waiting from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      );
      return (row?.waiting ?? 0) > 0;
    });

  it('is true from the next request on, with the reason that the peer gave', async () => {
    expect(await leave({ relationship: reference, reason: 'MOVED_AWAY' })).toMatchObject({ status: 204, text: '' });
    expect(await service(cloud, id)).toMatchObject({ state: 'REVOKED', reason: 'MOVED_AWAY' });
    expect((await peer.call(cloud.origin, PING)).status).toBe(401);
    expect((await leave({ relationship: reference })).status).toBe(401);
    expect(received(peer, '/federation/trust')).toEqual([]);
  });

  it('does not happen for the reference of another relationship', async () => {
    const answer = await leave({ relationship: 'an-earlier-one' });
    expect(answer).toMatchObject({ status: 409, json: { message: 'STATE_CONFLICT' } });
    expect(await stateOf(cloud, id)).toBe('TRUSTED');
    expect((await peer.call(cloud.origin, PING)).status).toBe(200);
  });

  it('does not happen for the reference of the relationship before this one', async () => {
    const earlier = reference;
    await leave({ relationship: reference });
    const asked = await added(cloud, peer);
    await confirm(peer, cloud, { code: asked.code });
    expect((await leave({ relationship: earlier })).status).toBe(409);
    expect(await stateOf(cloud, asked.id)).toBe('TRUSTED');
  });

  it.each<[string, unknown]>([
    ['no reference', {}],
    ['a reference that is no text', { relationship: 7 }],
    ['a reason that is no code', { relationship: 'r', reason: 'because <b>' }],
    ['a list', []],
  ])('does not happen for %s', async (_, body) => {
    expect(await leave(body)).toMatchObject({ status: 400, json: { message: 'VALIDATION_FAILED' } });
    expect(await stateOf(cloud, id)).toBe('TRUSTED');
  });

  it('refuses a POST that was under way when trust ended', async () => {
    await whileLocked('select id from federation.relationship for update', async (release) => {
      const posting = peer.call(cloud.origin, NOTE);
      await waitsForLock();
      await release(`update federation.relationship set state = 'REVOKED'`);
      expect(await posting).toMatchObject({ status: 401, json: { message: 'CLIENT_NOT_AUTHENTICATED' } });
    });
    expect(await cloud.rows('select id from federation.received_notification')).toEqual([]);
  });

  it('waits for a POST that came first, which is complete before it', async () => {
    const order: string[] = [];
    await whileLocked('lock table federation.received_notification in access exclusive mode', async (release) => {
      const posting = peer.call(cloud.origin, NOTE).then(({ status }) => order.push(`posted ${status}`));
      await waitsForLock();
      const ending = cloud.api('DELETE', `/admin/services/${id}`).then(({ status }) => order.push(`ended ${status}`));
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(order).toEqual([]);
      await release();
      await Promise.all([posting, ending]);
    });
    expect(order.sort()).toEqual(['ended 204', 'posted 201']);
    const [first] = await cloud.rows<{ before: boolean }>(
      `select n.created_at <= r.since as before from federation.received_notification n, federation.relationship r`,
    );
    expect(first?.before).toBe(true);
  });

  it('leaves no request unanswered when it comes in the middle of many', async () => {
    const agents = Array.from({ length: 4 }, () => keepAliveAgent());
    const calls = agents.flatMap((agent) =>
      Array.from({ length: 6 }, () => peer.call(cloud.origin, { ...NOTE, agent })),
    );
    const ending = cloud.api('DELETE', `/admin/services/${id}`);
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect((await ending).status).toBe(204);
    for (const agent of agents) agent.destroy();
    expect(statuses.filter((status) => status !== 201 && status !== 401)).toEqual([]);
    const stored = await cloud.rows('select id from federation.received_notification');
    expect(stored).toHaveLength(statuses.filter((status) => status === 201).length);
    expect((await peer.call(cloud.origin, NOTE)).status).toBe(401);
  });

  it('is repeated until the peer has heard it, and believed when the peer knows it already', async () => {
    peer.script(
      { kind: 'close-before-answer' },
      { kind: 'json', status: 503 },
      { kind: 'json', status: 401, body: { message: 'CLIENT_NOT_AUTHENTICATED' } },
    );
    await cloud.api('DELETE', `/admin/services/${id}`);
    await impatiently('it was said three times', [cloud], async () => received(peer, '/federation/trust').length === 3);
    await eventually('it is over', async () => {
      const [row] = await cloud.rows<{ state: string }>(`select state from federation.delivery order by position desc`);
      return row?.state === 'refused';
    });
    expect(received(peer, '/federation/trust')).toEqual(Array(3).fill({ relationship: reference }));
    expect(await service(cloud, id)).toMatchObject({ state: 'REVOKED', reason: 'REVOKED_BY_US' });
  });
});

describe('the end of trust between two clouds that share', () => {
  let a: TestCloud;
  let b: TestCloud;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [a, b] = await Promise.all([TestCloud.start({ name: 'a', authority }), TestCloud.start({ name: 'b', authority })]);
  });
  afterAll(() => stopAll(a, b));

  it.each([
    ['revoked here', () => [a, b] as const],
    ['revoked by the peer', () => [b, a] as const],
  ])('ends shares, tokens and deliveries on both sides: %s', async (_, roles) => {
    const [ending] = roles();
    await forgetAll(a, b);
    const name = `u${Date.now()}`;
    const [owner, recipient] = [await a.createAccount(name), await b.createAccount(name)];
    a.makeResource(owner, 'notes');
    await establishTrust(a, b);
    const offer = { owner, shareWith: recipient, name: 'Notes', resourceId: 'notes', permission: 'read' };
    const { id } = await a.json<{ id: string }>('POST', '/api/v1/shares/outgoing', offer);
    const incoming = await eventually('it is offered', async () => {
      const [row] = await b.rows<{ id: string }>('select id from federation.incoming_share where owner = $1', owner);
      return row;
    });
    await b.json('POST', `/api/v1/shares/incoming/${incoming.id}/accept`);
    await eventually('it is accepted', async () => {
      return (await a.json('GET', `/api/v1/shares/outgoing/${id}`)).state === 'accepted';
    });
    // A change that will never be told.
    await a.rows(`update federation.relationship set endpoint = 'https://b.localhost:1'`);
    await a.json('PATCH', `/api/v1/shares/outgoing/${id}`, { permission: 'read_write' });
    await eventually('it waits', async () => {
      return (
        (await a.rows(`select id from federation.delivery where state = 'waiting' and reason is not null`)).length > 0
      );
    });
    await a.rows('update federation.relationship set endpoint = origin');

    const other = ending === a ? b : a;
    const { id: relationship } = await inState(ending, other.origin, 'TRUSTED');
    await ending.api('DELETE', `/admin/services/${relationship}`);
    await inState(a, b.origin, 'REVOKED');
    await inState(b, a.origin, 'REVOKED');

    expect(await a.rows('select state, reason, token_hash from federation.outgoing_share where id = $1', id)).toEqual([
      { state: 'withdrawn', reason: 'TRUST_ENDED', token_hash: null },
    ]);
    expect(
      await b.rows('select state, reason, protocols_sealed from federation.incoming_share where id = $1', incoming.id),
    ).toEqual([{ state: 'revoked', reason: 'TRUST_ENDED', protocols_sealed: null }]);
    expect(await a.rows(`select kind from federation.delivery where state = 'waiting' or sealed is not null`)).toEqual(
      [],
    );

    await establishTrust(b, a);
    expect((await a.json('GET', `/api/v1/shares/outgoing/${id}`)).state).toBe('withdrawn');
    const revived = await b.json<{ items: { state: string }[] }>(
      'GET',
      `/api/v1/shares/incoming?recipient=${recipient}`,
    );
    expect(revived.items.map(({ state }) => state)).toEqual(['revoked']);
  });
});
