import { Controller, Get } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE } from '../../src/access/audience.js';
import type { RunningFederation } from '../../src/operations/server.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { FromTrustedPeer } from '../../src/trust/from-trusted-peer.js';
import { CapabilityOf } from '../../src/trust/trusted-peer.guard.js';
import { allRoutes } from '../architecture/routes.js';
import { bodyOf, introspect, type Json, type Outgoing, offer, outgoing, whileHolding } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { eventually, TestCloud } from '../support/cloud.js';
import { type CallResult, keepAliveAgent } from '../support/hostile-peer.js';
import { stopAll } from '../trust/mesh.js';

const PING = { method: 'POST', path: '/federation/ping' };
const NOT_ALLOWED = [403, { message: 'NOT_ALLOWED' }];
const TOO_MANY = [429, { message: 'TOO_MANY_REQUESTS' }];
const said = ({ status, json }: CallResult) => [status, json];

/** Stand for modules that are still to come. */
@Controller('probe/login')
@FromTrustedPeer('login')
class LoginProbe {
  @Get()
  read() {
    return {};
  }
}

@Controller('probe/discovery')
@FromTrustedPeer('discovery')
class DiscoveryProbe {
  @Get()
  read() {
    return {};
  }
}

describe('what our operator allows one peer', () => {
  let cloud: TestCloud;
  let second: RunningFederation;
  let peer: ScriptedPeer;
  let other: ScriptedPeer;
  let alice: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'a', authority, controllers: [LoginProbe, DiscoveryProbe] });
    second = await cloud.anotherNode();
    alice = await cloud.createAccount('alice');
    cloud.makeResource(alice, 'notes');
    [peer, other] = [
      await ScriptedPeer.trustedBy(cloud, authority, 'b'),
      await ScriptedPeer.trustedBy(cloud, authority, 'c'),
    ];
    peer.answers({ kind: 'json', status: 201 });
  });
  afterEach(() => allow({ sharing: null, login: null, discovery: null, rate: null }));
  afterAll(async () => {
    await second?.stop();
    await stopAll(cloud, peer, other);
  });

  const patch = (body: Json) => cloud.api('PATCH', `/admin/services/${peer.relationship}`, body);
  const allow = async (policy: Json) => {
    const answer = await patch({ policy });
    expect(answer.status, answer.text).toBe(200);
    return bodyOf(answer).policy;
  };
  const create = async () => {
    const share = {
      owner: alice,
      shareWith: `bob@${peer.host}`,
      name: 'Notes',
      resourceId: 'notes',
      permission: 'read',
    };
    return cloud.api('POST', '/api/v1/shares/outgoing', share);
  };

  it('is shown, says only what was set, and is in the audit trail once', async () => {
    const rate = { requestsPerMinute: 500 };
    expect(await allow({ sharing: false, login: true, rate })).toEqual({ sharing: false, login: true, rate });
    expect(await allow({ rate })).toEqual({ sharing: false, login: true, rate });
    const rows = await cloud.rows<{ details: Json }>(
      `select details from federation.audit_entry where action = 'trust.policy-changed' and object = $1`,
      `service:${peer.relationship}`,
    );
    expect(rows).toEqual([{ details: { before: '{}', after: JSON.stringify({ sharing: false, login: true, rate }) } }]);
  });

  it.each<[string, unknown]>([
    ['sharing', 'no'],
    ['login', 0],
    ['discovery', {}],
    ['rate', 5],
    ['rate', {}],
    ['rate', []],
    ['rate', [{ requestsPerMinute: 5 }]],
    ['rate', { requestsPerMinute: 0 }],
    ['rate', { requestsPerMinute: 100_001 }],
    ['rate', { requestsPerMinute: 1.5 }],
    ['rate', { requestsPerMinute: '5' }],
    ['rate', { requestsPerMinute: 5, burst: 1 }],
    ['everything', true],
  ])('is refused as a whole for %s: %j', async (member, value) => {
    const answer = await patch({ policy: { implicitAcceptance: true, [member]: value } });
    expect(answer).toMatchObject({ status: 400, json: { message: 'VALIDATION_FAILED' } });
    const { policy } = await cloud.json<{ policy: Json }>('GET', `/admin/services/${peer.relationship}`);
    expect(policy).not.toHaveProperty('implicitAcceptance');
  });

  it('turns sharing off from the next request on, on every route of it, and nothing else', async () => {
    const agent = keepAliveAgent();
    expect((await peer.call({ path: '/shares', agent })).status).toBe(200);
    await allow({ sharing: false });
    const routes = (await allRoutes()).filter(({ metadata }) => metadata(AUDIENCE) === 'peer');
    const ofSharing = routes.filter(({ metadata }) => metadata(CapabilityOf.KEY) === 'sharing');
    expect(ofSharing.length).toBeGreaterThan(5);
    for (const { method, path } of ofSharing) {
      const answer = await peer.call({ method, path: path.replace(':id', 'x'), agent });
      expect(said(answer), `${method} ${path}`).toEqual(NOT_ALLOWED);
    }
    for (const path of ['/probe/login', '/probe/discovery']) expect((await peer.get(path)).status, path).toBe(200);
    expect((await peer.call(PING)).status).toBe(200);
    expect((await other.get('/shares')).status).toBe(200);
    agent.destroy();
  });

  it('turns sharing off for our offers too, and leaves what was shared before as it is', async () => {
    const share = bodyOf(await create()) as unknown as Outgoing;
    await eventually('it is offered', async () => (await outgoing(cloud, share.id)).state === 'pending');
    await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: share.shareId });
    const offered = peer.received('/shares').map(({ body }) => JSON.parse(body));
    const token = offered.find(({ shareId }) => shareId === share.shareId).protocol[0].options.access_token;
    await allow({ sharing: false });
    expect(said(await create())).toEqual([
      400,
      { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'shareWith', message: 'NOT_ALLOWED' }] },
    ]);
    expect(await introspect(cloud, token)).toMatchObject({ active: true });
    await cloud.api('DELETE', `/api/v1/shares/outgoing/${share.id}`);
    await eventually('the withdrawal is told', async () =>
      peer.received('/notifications').some(({ body }) => JSON.parse(body).type === 'SHARE_UNSHARED'),
    );
  });

  it('refuses a call about shares that was under way when sharing was turned off', async () => {
    const turningOff = `update federation.relationship set policy = '{"sharing": false}' where id = '${peer.relationship}'`;
    let calls: Promise<CallResult>[] = [];
    const body = offer(peer, alice);
    await whileHolding(cloud, turningOff, 'commit', async () => {
      calls = [peer.post('/shares', body), peer.post('/notifications', { type: 'HELLO' })];
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    for (const answer of await Promise.all(calls)) expect(said(answer)).toEqual(NOT_ALLOWED);
    expect(await cloud.rows('select id from federation.incoming_share where share_id = $1', body.shareId)).toEqual([]);
  });

  it.each(['login', 'discovery'])('turns %s off by itself', async (capability) => {
    const path = `/probe/${capability}`;
    expect((await peer.get(path)).status).toBe(200);
    await allow({ [capability]: false });
    expect(said(await peer.get(path))).toEqual(NOT_ALLOWED);
    expect((await peer.get('/shares')).status).toBe(200);
    expect((await other.get(path)).status).toBe(200);
    await allow({ [capability]: null });
    expect((await peer.get(path)).status).toBe(200);
  });

  describe('to call us a minute', () => {
    const LIMIT = 12;
    const firstNode = () => Number(new URL(cloud.origin).port);
    const counted = () => cloud.rows<{ count: number }>('select count from federation.peer_call');
    const ping = (port = firstNode()) => {
      const { host } = new URL(cloud.origin);
      return peer.server.call(`https://${cloud.host}:${port}`, { ...PING, headers: { host } });
    };
    /** Does it again where the minute ended on the way: then there was room for twice as many. */
    const withinAMinute = async (work: () => Promise<void>): Promise<void> => {
      const minute = async () => (await cloud.rows(`select date_trunc('minute', now()) as at`))[0];
      await cloud.rows('truncate federation.peer_call');
      const before = await minute();
      try {
        await work();
      } catch (error) {
        if (String((await minute())?.at) === String(before?.at)) throw error;
        await withinAMinute(work);
      }
    };

    it('is counted to the last call, and says when to come back', async () => {
      await allow({ rate: { requestsPerMinute: LIMIT } });
      await withinAMinute(async () => {
        for (let nth = 0; nth < LIMIT; nth++) expect((await ping()).status).toBe(200);
        const refused = await ping();
        expect(said(refused)).toEqual(TOO_MANY);
        expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
        expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
      });
    });

    it('is counted for all nodes together', async () => {
      await allow({ rate: { requestsPerMinute: LIMIT } });
      // The other node may go by a copy of the policy that is a second old.
      await new Promise((resolve) => setTimeout(resolve, 1_050));
      const ports = [firstNode(), second.describe().ports.public];
      await withinAMinute(async () => {
        const answers = await Promise.all(Array.from({ length: 2 * LIMIT }, (_, at) => ping(ports[at % 2])));
        const passed = answers.filter(({ status }) => status === 200);
        expect(passed).toHaveLength(LIMIT);
        expect(answers.filter(({ status }) => status === 429)).toHaveLength(LIMIT);
        for (const port of ports) expect((await ping(port)).status).toBe(429);
      });
    });

    it('begins anew with the next minute', async () => {
      await allow({ rate: { requestsPerMinute: 1 } });
      await ping();
      await withinAMinute(async () => {
        expect([(await ping()).status, (await ping()).status]).toEqual([200, 429]);
        await cloud.rows(`update federation.peer_call set minute = minute - interval '1 minute'`);
        expect([(await ping()).status, (await ping()).status]).toEqual([200, 429]);
      });
    });

    it('can be changed at any moment, and costs nothing where it is not set', async () => {
      await withinAMinute(async () => {
        for (let nth = 0; nth < 3; nth++) await ping();
        expect(await counted()).toEqual([]);
        await allow({ rate: { requestsPerMinute: 1 } });
        expect([(await ping()).status, (await ping()).status]).toEqual([200, 429]);
        await allow({ rate: { requestsPerMinute: 2 } });
        expect([(await ping()).status, (await ping()).status]).toEqual([200, 429]);
        await allow({ rate: null });
        expect((await ping()).status).toBe(200);
        expect(await counted()).toEqual([{ count: 2 }]);
      });
    });

    it('comes after who calls and before what is called, whatever the body; other peers are not concerned', async () => {
      await allow({ rate: { requestsPerMinute: 1 }, sharing: false });
      await withinAMinute(async () => {
        expect(said(await peer.post('/shares', '{'))).toEqual(NOT_ALLOWED);
        expect(said(await peer.post('/shares', '{'))).toEqual(TOO_MANY);
        expect(said(await peer.get('/notifications'))).toEqual(TOO_MANY);
        expect((await other.call(PING)).status).toBe(200);
        await cloud.api('POST', `/admin/services/${peer.relationship}/suspend`);
        expect(said(await peer.get('/shares'))).toEqual([403, { message: 'SUSPENDED' }]);
        await cloud.api('POST', `/admin/services/${peer.relationship}/resume`);
        expect(await counted()).toEqual([{ count: 1 }]);
      });
    });

    it('never keeps a peer from leaving', async () => {
      const { json } = await other.call(PING);
      await cloud.json('PATCH', `/admin/services/${other.relationship}`, {
        policy: { rate: { requestsPerMinute: 1 } },
      });
      await withinAMinute(async () => {
        expect([(await other.call(PING)).status, (await other.call(PING)).status]).toEqual([200, 429]);
      });
      const body = JSON.stringify({ relationship: (json as { relationship: string }).relationship });
      const headers = { 'content-length': String(Buffer.byteLength(body)) };
      expect((await other.call({ method: 'DELETE', path: '/federation/trust', body, headers })).status).toBe(204);
      expect(await counted()).toEqual([]);
    });
  });
});
