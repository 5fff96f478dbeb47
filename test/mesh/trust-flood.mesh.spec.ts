import { randomBytes } from 'node:crypto';
import type { Agent } from 'node:https';
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runInContext } from '../../src/kernel/request-context.js';
import type { RunningFederation } from '../../src/operations/server.js';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { ForgetRequests } from '../../src/trust/forget-requests.js';
import type { PresentedCertificate } from '../../src/trust/presented-certificate.js';
import { ReceiveTrustRequest } from '../../src/trust/receive-trust-request.js';
import { TooManyRequests } from '../../src/trust/trust-errors.js';
import { inState, serviceOf, TestCloud } from '../support/cloud.js';
import { call, type HostilePeer, keepAliveAgent } from '../support/hostile-peer.js';
import { added, confirm, forgetAll, hostileAt, introduction, stateOf, stopAll } from '../trust/mesh.js';

const PATH = '/federation/trust-requests';
/** MiB that are still in use when everything else was swept. */
function heap(): number {
  v8.setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / 1_048_576;
}

/** Ten thousand take a quarter of a minute on a machine that does nothing else: `TRUST_FLOOD=10000`. */
const FLOOD = Number(process.env.TRUST_FLOOD ?? 500);

describe('strangers who ask for trust, on two nodes of one cloud', () => {
  let authority: CertificateAuthority;
  let cloud: TestCloud;
  let second: RunningFederation;
  let peer: HostilePeer;
  let nodes: string[];

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    [cloud, peer] = await Promise.all([TestCloud.start({ name: 'a', authority }), hostileAt('b.localhost', authority)]);
    second = await cloud.anotherNode();
    nodes = [cloud.origin, `https://${cloud.host}:${second.describe().ports.public}`];
  });
  afterEach(() => forgetAll(cloud));
  afterAll(async () => {
    await second?.stop();
    await stopAll(cloud, peer);
  });

  const node = (nth: number) => nodes[nth % nodes.length] ?? cloud.origin;
  const headers = () => ({ host: new URL(cloud.origin).host });
  const ask = (nth: number, origin: string, as: IssuedCertificate, agent?: Agent) =>
    call(node(nth), { method: 'POST', path: PATH, headers: headers(), body: introduction(origin), as, agent });
  const waiting = async () => {
    const [row] = await cloud.rows<{ count: number }>(
      `select count(*)::int as count from federation.trust_request where state = 'pending'`,
    );
    return row?.count;
  };

  /** A request from an address of our choice, as the guard hands it on. */
  function askFrom(address: string, host: string): Promise<unknown> {
    const certificate: PresentedCertificate = {
      certificate: '',
      pin: `sha256:${randomBytes(32).toString('base64url')}`,
      host,
      fault: undefined,
      validFrom: new Date(0),
      validTo: new Date(Date.now() + 60_000),
    };
    const context = { requestId: 'a-request', actor: { kind: 'stranger', id: certificate.pin } } as const;
    const body = introduction(`https://${host}`);
    return runInContext(context, () =>
      cloud.get(ReceiveTrustRequest).execute({ certificate, host, address }, body as never),
    );
  }

  it.each([
    [
      'an IPv6 /64',
      ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2:ffff::3', '2001:DB8:1:2::4', '2001:db8:1:2:0:0:0:5'],
      '2001:db8:1:2:a:b:c:6',
      '2001:db8:1:3::1',
    ],
    [
      'an IPv4 address, in either spelling',
      ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '192.0.2.1', '192.0.2.1'],
      '192.0.2.1',
      '192.0.2.2',
    ],
  ])('are five at most from %s', async (_, five, sixth, elsewhere) => {
    for (const [nth, address] of five.entries()) await askFrom(address, `h${nth}.example`);
    await expect(askFrom(sixth, 'h6.example')).rejects.toThrow(TooManyRequests);
    expect(await waiting()).toBe(5);
    await askFrom(elsewhere, 'h7.example');
    expect(await waiting()).toBe(6);
  });

  it('are a hundred at most, also when fifty ask at once for the last place', async () => {
    await cloud.rows(
      `insert into federation.trust_request
         (id, origin, endpoint, pin, certificate, display_name, domains, code_hash, code_sealed, network, state)
       select 'r' || n, 'https://h' || n, 'https://h' || n, 'p' || n, '', '', '[]', '', '', 'n' || n, 'pending'
       from generate_series(1, 99) as n`,
    );
    const hosts = Array.from({ length: 50 }, (_, nth) => `s${nth}.localhost`);
    const keys = await Promise.all(hosts.map((host) => makeSelfSignedCertificate(host)));
    const answers = await Promise.all(keys.map((as, nth) => ask(nth, `https://${hosts[nth]}`, as)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([202, ...Array(49).fill(429)]);
    expect(answers.filter(({ status }) => status === 429).every((answer) => answer.headers['retry-after'])).toBe(true);
    expect(await waiting()).toBe(100);
  }, 30_000);

  it('are three at most for an origin, and five for an address, when both nodes are asked at once', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => makeSelfSignedCertificate('h.localhost')));
    const same = await Promise.all(keys.map((as, nth) => ask(nth, 'https://h.localhost', as)));
    expect(same.filter(({ status }) => status === 202)).toHaveLength(3);
    const others = await Promise.all(keys.map((as, nth) => ask(nth, `https://h.localhost:${2_000 + nth}`, as)));
    expect(others.filter(({ status }) => status === 202)).toHaveLength(2);
    expect(await waiting()).toBe(5);
  }, 30_000);

  it('are one request if one is repeated, on the other node and after a restart too', async () => {
    for (const nth of [0, 1, 0]) expect((await ask(nth, peer.origin, peer.credential)).status).toBe(202);
    const before = await cloud.rows('select * from federation.trust_request');
    await cloud.down();
    await cloud.up();
    expect((await ask(0, peer.origin, peer.credential)).status).toBe(202);
    expect(await cloud.rows('select * from federation.trust_request')).toEqual(before);
    const { id } = await inState(cloud, peer.origin, 'INVITED');
    const trail = await cloud.rows(
      'select action from federation.audit_entry where object = $1',
      `trust-request:${id}`,
    );
    expect(trail).toEqual([{ action: 'trust.request-received' }]);
  });

  it('confirm once: a confirmation that is repeated, by whomever and wherever, changes nothing', async () => {
    const { id, code } = await added(cloud, peer);
    const first = await confirm(peer, cloud, { code });
    expect(first.status).toBe(200);
    const seen = () =>
      cloud.rows(
        `select id, state, pin, code_used_by, own_reference, peer_reference, since from federation.relationship
         where origin = $1`,
        peer.origin,
      );
    const before = await seen();
    await cloud.down();
    await cloud.up();
    const body = { decision: 'accepted', ...introduction(peer.origin, { code }) };
    const path = '/federation/trust-confirmations';
    const again = (nth: number, as = peer.credential) =>
      call(node(nth), { method: 'POST', path, headers: headers(), body, as });
    const stolen = await makeSelfSignedCertificate(peer.host);
    expect([await again(0), await again(1)].map(({ status, text }) => [status, text])).toEqual(
      Array(2).fill([200, first.text]),
    );
    expect([(await again(0, stolen)).status, (await again(1, stolen)).status]).toEqual([401, 401]);
    expect(await seen()).toEqual(before);
    await cloud.json('DELETE', `/admin/services/${id}`).catch(() => undefined);
    expect([(await again(0)).status, (await again(1)).status]).toEqual([401, 401]);
    expect(await stateOf(cloud, id)).toBe('REVOKED');
  });

  it('confirm nothing that was never asked: an acceptance out of the blue makes no row and no call', async () => {
    const dialled = peer.dialled;
    for (const nth of [0, 1]) {
      const body = { decision: 'accepted', ...introduction(peer.origin) };
      const path = '/federation/trust-confirmations';
      const answer = await call(node(nth), { method: 'POST', path, headers: headers(), body, as: peer.credential });
      expect([answer.status, answer.text]).toEqual([401, '{"message":"CLIENT_NOT_AUTHENTICATED"}']);
    }
    expect(await serviceOf(cloud, peer.origin)).toBeUndefined();
    expect(await cloud.rows('select id from federation.delivery')).toEqual([]);
    expect(peer.dialled).toBe(dialled);
  });

  it('are forgotten when they have ended or run out, also where nobody asks any more', async () => {
    for (const [nth, address] of ['192.0.2.1', '192.0.2.2', '192.0.2.3'].entries())
      await askFrom(address, `h${nth}.example`);
    const set = (values: string, host: string) =>
      cloud.rows(`update federation.trust_request set ${values} where origin = $1`, `https://${host}`);
    await set(`expires_at = now() - interval '1 second'`, 'h0.example');
    await set(`state = 'ended', outcome = 'cancelled', created_at = now() - interval '61 minutes'`, 'h1.example');
    await set(`state = 'ended', outcome = 'cancelled', created_at = now() - interval '59 minutes'`, 'h2.example');
    await cloud.get(ForgetRequests).execute();
    expect(await cloud.rows('select origin from federation.trust_request')).toEqual([{ origin: 'https://h2.example' }]);
  });

  it('make neither tables nor memory grow, nor us call anybody, thousands of times', async () => {
    const dialled = peer.dialled;
    const keys = await Promise.all(Array.from({ length: 8 }, () => makeSelfSignedCertificate(peer.host)));
    const statuses = new Map<number, number>();
    const flood = (from: number, count: number) =>
      Promise.all(
        keys.map(async (as, nth) => {
          const agent = keepAliveAgent();
          for (let at = from + nth; at < from + count; at += keys.length) {
            // All claim the listener of the peer, which counts who calls: other origins on its host, and its own.
            const origin = at % 100 === 0 ? peer.origin : `https://${peer.host}:${1_024 + at}`;
            const { status } = await ask(nth, origin, as, agent);
            statuses.set(status, (statuses.get(status) ?? 0) + 1);
          }
          agent.destroy();
        }),
      );
    await flood(0, FLOOD / 10);
    const before = heap();
    await flood(FLOOD / 10, FLOOD - FLOOD / 10);
    const grown = heap() - before;
    expect([...statuses.keys()].sort()).toEqual([202, 429]);
    expect(await waiting()).toBe(5);
    expect(await cloud.rows('select id from federation.relationship')).toEqual([]);
    expect(await cloud.rows('select id from federation.delivery')).toEqual([]);
    expect(peer.dialled).toBe(dialled);
    expect(grown).toBeLessThan(16);
  }, 120_000);
});
