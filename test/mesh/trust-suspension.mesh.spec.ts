import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE } from '../../src/access/audience.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { allRoutes } from '../architecture/routes.js';
import {
  bodyOf,
  deliverNow,
  introspect,
  type Json,
  type Outgoing,
  offer,
  outgoing,
  whileHolding,
} from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { eventually, TestCloud } from '../support/cloud.js';
import { type CallResult, keepAliveAgent } from '../support/hostile-peer.js';
import { added, ask, hostileAt, received, service, stopAll } from '../trust/mesh.js';

const PING = { method: 'POST', path: '/federation/ping' };
const SUSPENDED = [403, { message: 'SUSPENDED' }];
const said = ({ status, json }: CallResult) => [status, json];

describe('a suspended peer', () => {
  let authority: CertificateAuthority;
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let alice: string;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'a', authority });
    alice = await cloud.createAccount('alice');
    cloud.makeResource(alice, 'notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'b');
  });
  afterEach(async () => {
    await act('resume');
    peer.answers(({ path }) => ({ kind: 'json', status: path === '/federation/trust' ? 204 : 201 }));
  });
  afterAll(() => stopAll(cloud, peer));

  const act = (what: 'suspend' | 'resume', body?: Json, id = peer.relationship) =>
    cloud.api('POST', `/admin/services/${id}/${what}`, body);
  const suspend = (reason?: string) => act('suspend', reason === undefined ? undefined : { reason });
  const create = (more: Json = {}) => {
    const share = {
      owner: alice,
      shareWith: `bob@${peer.host}`,
      name: 'Notes',
      resourceId: 'notes',
      permission: 'read',
    };
    return cloud.api('POST', '/api/v1/shares/outgoing', { ...share, ...more });
  };
  const becomes = (id: string, state: string) =>
    eventually(`${id} ${state}`, async () => (await outgoing(cloud, id)).state === state);
  const audit = async (id = peer.relationship) =>
    (
      await cloud.rows<{ action: string; actor_kind: string; details: Json }>(
        `select action, actor_kind, details from federation.audit_entry where object = $1 order by at, id`,
        `service:${id}`,
      )
    ).slice(-2);

  it('is described with its reason, and a repeat of either button is an ordinary answer', async () => {
    const first = await suspend('INCIDENT-4711');
    expect(first).toMatchObject({ status: 200, json: { state: 'SUSPENDED', reason: 'INCIDENT-4711' } });
    expect(said(await suspend('another reason'))).toEqual(said(first));
    const resumed = await act('resume');
    expect(resumed).toMatchObject({ status: 200, json: { state: 'TRUSTED', reason: null } });
    expect(said(await act('resume'))).toEqual(said(resumed));
    expect(await audit()).toEqual([
      { action: 'trust.suspended', actor_kind: 'operator', details: { reason: 'INCIDENT-4711' } },
      { action: 'trust.resumed', actor_kind: 'operator', details: {} },
    ]);
  });

  it.each([[{ reason: '' }], [{ reason: 'x\ny' }], [{ reason: 7 }], [{ reason: 'x'.repeat(256) }], [{ why: 'x' }]])(
    'is not made by %j',
    async (body) => {
      expect(await act('suspend', body)).toMatchObject({ status: 400, json: { message: 'VALIDATION_FAILED' } });
      expect(await service(cloud, peer.relationship)).toMatchObject({ state: 'TRUSTED' });
    },
  );

  it('was trusted before: nothing else can be suspended, or resumed', async () => {
    const other = await hostileAt('c.localhost', authority);
    const { id: requested } = await added(cloud, other);
    const third = await hostileAt('d.localhost', authority);
    await ask(third, cloud);
    const { items } = await cloud.json<{ items: { id: string; state: string }[] }>('GET', '/admin/services');
    const invited = items.find(({ state }) => state === 'INVITED')?.id ?? '';
    for (const what of ['suspend', 'resume'] as const) {
      for (const id of [requested, invited]) {
        expect(said(await act(what, undefined, id))).toEqual([409, { message: 'STATE_CONFLICT' }]);
      }
      expect(said(await act(what, undefined, 'nobody'))).toEqual([404, { message: 'RESOURCE_NOT_FOUND' }]);
    }
    await cloud.api('DELETE', `/admin/services/${requested}`);
    await cloud.api('POST', `/admin/services/${invited}/reject`);
    for (const id of [requested, invited]) {
      expect(said(await act('suspend', undefined, id))).toEqual([409, { message: 'STATE_CONFLICT' }]);
      expect(said(await act('resume', undefined, id))).toEqual([409, { message: 'STATE_CONFLICT' }]);
    }
    await stopAll(other, third);
  });

  it('gets 403 on every route from the very next request on, on a connection that was open before', async () => {
    const agent = keepAliveAgent();
    const call = (method: string, path: string) => peer.call({ method, path, agent });
    const before = await peer.call({ ...PING, agent });
    expect(before.status).toBe(200);
    await suspend();
    const routes = (await allRoutes()).filter(({ metadata }) => metadata(AUDIENCE) === 'peer');
    expect(routes.length).toBeGreaterThan(7);
    for (const { method, path } of routes.filter(({ path }) => path !== '/federation/trust')) {
      const answer = await call(method, path.replace(':id', 'x'));
      expect([...said(answer), answer.clientPort], `${method} ${path}`).toEqual([...SUSPENDED, before.clientPort]);
    }
    await act('resume');
    const after = await peer.call({ ...PING, agent });
    agent.destroy();
    expect([after.status, after.clientPort]).toEqual([200, before.clientPort]);
  });

  it('is refused within a second by a node that did not suspend it, and at once where something is written', async () => {
    const setState = (state: string) =>
      cloud.rows('update federation.relationship set state = $2 where id = $1', peer.relationship, state);
    expect((await peer.call(PING)).status).toBe(200);
    await setState('SUSPENDED');
    const body = offer(peer, alice);
    expect(said(await peer.post('/shares', body))).toEqual(SUSPENDED);
    const since = performance.now();
    await eventually('it is refused', async () => (await peer.call(PING)).status === 403);
    expect(performance.now() - since).toBeLessThan(1_500);
    await setState('TRUSTED');
  });

  it.each(['/shares', '/notifications'])('leaves nothing of a call to %s that was under way', async (path) => {
    const body = path === '/shares' ? offer(peer, alice) : { type: 'HELLO' };
    const table = path === '/shares' ? 'incoming_share' : 'received_notification';
    const count = () => cloud.rows(`select count(*) from federation.${table}`);
    const before = await count();
    let calls: Promise<CallResult>[] = [];
    const suspending = `update federation.relationship set state = 'SUSPENDED' where id = '${peer.relationship}'`;
    await whileHolding(cloud, suspending, 'commit', async () => {
      calls = Array.from({ length: 4 }, () => peer.post(path, body));
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    for (const answer of await Promise.all(calls)) expect(said(answer)).toEqual(SUSPENDED);
    expect(await count()).toEqual(before);
  });

  it('is told nothing; what there is to say waits untouched, says why, and goes at once when it is trusted again', async () => {
    peer.answers({ kind: 'json', status: 503 });
    const early = bodyOf(await create()) as unknown as Outgoing;
    await eventually('it was tried', async () => (await outgoing(cloud, early.id)).delivery?.reason === 'error-5xx');
    await suspend();
    const calls = peer.server.requests.length;
    expect(await outgoing(cloud, early.id)).toMatchObject({
      state: 'pending-delivery',
      delivery: { state: 'waiting', attempts: 1, nextAttempt: null, reason: 'suspended' },
    });
    await cloud.api('PATCH', `/api/v1/shares/outgoing/${early.id}`, { permission: 'read_write' });
    expect(
      await cloud.rows(
        `select distinct reason from federation.delivery where peer = $1 and state = 'waiting'`,
        peer.relationship,
      ),
    ).toEqual([{ reason: 'suspended' }]);
    // Far beyond the time that a delivery has.
    await cloud.rows(
      `update federation.delivery set created_at = created_at - interval '20 days', due_at = due_at - interval '20 days',
         expires_at = expires_at - interval '20 days' where peer = $1 and state = 'waiting'`,
      peer.relationship,
    );
    await cloud.rows(`update federation.delivery_hold set since = since - interval '20 days'`);
    await deliverNow(cloud);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(peer.server.requests.length).toBe(calls);
    expect((await service(cloud, peer.relationship)) as object).toMatchObject({ nextAttempt: null });
    peer.answers({ kind: 'json', status: 201 });
    const since = performance.now();
    await act('resume');
    await becomes(early.id, 'pending');
    await eventually('the change follows', async () =>
      peer.received('/notifications').some(({ body }) => JSON.parse(body).shareId === early.shareId),
    );
    expect(performance.now() - since).toBeLessThan(2_000);
    const [left] = await cloud.rows<{ days: number }>(
      `select round(extract(epoch from expires_at - now()) / 86400)::int as days from federation.delivery
       where id = (select delivery_id from federation.outgoing_share where id = $1)`,
      early.id,
    );
    expect(left?.days).toBe(5);
  });

  it('keeps its shares, but neither its token nor ours lets anybody in', async () => {
    const share = bodyOf(await create()) as unknown as Outgoing;
    await becomes(share.id, 'pending');
    await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: share.shareId });
    const delivered = peer.received('/shares').map(({ body }) => JSON.parse(body));
    const { protocol } = delivered.find(({ shareId }) => shareId === share.shareId);
    const { access_token: token } = protocol[0].options;
    const mirror = String(bodyOf(await peer.post('/shares', offer(peer, alice))).id);
    await cloud.api('POST', `/api/v1/shares/incoming/${mirror}/accept`);
    const access = () => cloud.api('GET', `/api/v1/shares/incoming/${mirror}/access`);
    await eventually('it is confirmed', async () => (await access()).status === 200);
    expect(await introspect(cloud, token)).toMatchObject({ active: true });

    await suspend();
    expect(await introspect(cloud, token)).toEqual({ active: false });
    expect(said(await access())).toEqual([409, { message: 'SUSPENDED' }]);
    expect((await outgoing(cloud, share.id)).state).toBe('accepted');
    expect(await cloud.json('GET', `/api/v1/shares/incoming/${mirror}`)).toMatchObject({ state: 'accepted' });

    await act('resume');
    expect(await introspect(cloud, token)).toMatchObject({ active: true });
    expect((await access()).status).toBe(200);
  });

  it('is offered nothing new, and the host is told why', async () => {
    await suspend();
    const refused = (message: string) => [
      400,
      { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'shareWith', message }] },
    ];
    expect(said(await create())).toEqual(refused('SUSPENDED'));
    expect(said(await create({ shareWith: 'bob@nowhere.localhost' }))).toEqual(refused('NOT_FOUND'));
    await act('resume');
    const held = `update federation.relationship set state = 'SUSPENDED' where id = '${peer.relationship}'`;
    let late: Promise<CallResult> | undefined;
    await whileHolding(cloud, held, 'commit', async () => {
      late = create();
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    expect(late && said(await late)).toEqual(refused('SUSPENDED'));
  });

  it('may leave', async () => {
    const leaving = await ScriptedPeer.trustedBy(cloud, authority, 'leaving');
    const { json } = await leaving.call(PING);
    await act('suspend', undefined, leaving.relationship);
    const body = JSON.stringify({ relationship: (json as { relationship: string }).relationship });
    const headers = { 'content-length': String(Buffer.byteLength(body)) };
    const answer = await leaving.call({ method: 'DELETE', path: '/federation/trust', body, headers });
    expect(answer.status).toBe(204);
    expect(await service(cloud, leaving.relationship)).toMatchObject({ state: 'REVOKED', reason: 'REVOKED_BY_PEER' });
    expect((await leaving.call(PING)).status).toBe(401);
    await leaving.stop();
  });

  it('is told of the end of trust, and of nothing that waited before', async () => {
    const ending = await ScriptedPeer.trustedBy(cloud, authority, 'ending');
    await act('suspend', undefined, ending.relationship);
    await cloud.rows(
      `insert into federation.delivery (id, kind, peer, ordering_key, meaning, state, expires_at)
       values ('waits', 'share-message', $1, 'x', '{}', 'waiting', now() + interval '1 day')`,
      ending.relationship,
    );
    ending.answers({ kind: 'json', status: 204 });
    expect((await cloud.api('DELETE', `/admin/services/${ending.relationship}`)).status).toBe(204);
    await eventually('it is told', async () => received(ending.server, '/federation/trust').length === 1);
    expect(await cloud.rows(`select state from federation.delivery where id = 'waits'`)).toEqual([
      { state: 'cancelled' },
    ]);
    expect(await cloud.rows('select peer from federation.delivery_hold where peer = $1', ending.relationship)).toEqual(
      [],
    );
    await ending.stop();
  });
});
