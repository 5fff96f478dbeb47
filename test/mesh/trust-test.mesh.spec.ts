import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/index.js';
import { CertificateAuthority, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { JudgedCopies } from '../../src/trust/judged-copies.js';
import { establishTrust, inState, serviceOf, TestCloud } from '../support/cloud.js';
import type { Behaviour, HostilePeer, RecordedRequest } from '../support/hostile-peer.js';
import { ConnectProxy } from '../transport/connect-proxy.js';
import { ask, hostileAt, stopAll, trusted } from '../trust/mesh.js';

const WAY = ['name', 'address', 'connect', 'tls', 'certificate', 'answer', 'our-certificate', 'clock'];
const UP_TO_ANSWER = WAY.slice(0, 6);

interface Step {
  readonly step: string;
  readonly ok: boolean;
  readonly reason?: string;
  readonly detail: string;
  readonly milliseconds: number;
  readonly differenceMilliseconds?: number;
}
interface Tested {
  readonly ok: boolean;
  readonly at: string;
  readonly steps: Step[];
}

let authority: CertificateAuthority;
let one: TestCloud;
let split: TestCloud;
let strict: TestCloud;
let proxied: TestCloud;
let proxy: ConnectProxy;
let peer: HostilePeer;
let hanging: HostilePeer;
/** The relationship of `one` with the hostile peer, and the reference that both know. */
let id: string;
let reference: string;
/** Takes as long as a test may; begun first, looked at last. */
let slowest: Promise<{ tested: Tested; milliseconds: number }>;

const test = (cloud: TestCloud, service = id) => cloud.json<Tested>('POST', `/admin/services/${service}/test`);
const failureOf = ({ steps }: Tested) => steps.find(({ ok }) => !ok);
const byHand = async (cloud: TestCloud, at = peer) => {
  const body = { url: at.origin, certificate: at.credential.certificate };
  return (await cloud.json<{ id: string }>('POST', '/admin/services', body)).id;
};

/** As a cloud that trusts us; `more` replaces parts of it. */
const pong =
  (more: object = {}, ahead = 0) =>
  ({ connection }: RecordedRequest): Behaviour => ({
    kind: 'json',
    body: {
      now: new Date(Date.now() + ahead).toISOString(),
      fingerprintSeen: connection.clientPin,
      relationship: reference,
      ...more,
    },
  });

beforeAll(async () => {
  authority = await CertificateAuthority.create('Test CA');
  const extraRoots = [authority.certificate];
  proxy = await ConnectProxy.start();
  const through = new Secret(proxy.url('us:hunter2'));
  [one, split, strict, proxied, peer, hanging] = await Promise.all([
    TestCloud.start({ name: 'one', authority }),
    TestCloud.start({ name: 'split', authority, ownListener: true }),
    TestCloud.start({ name: 'strict', authority, options: { outbound: { extraRoots } } }),
    TestCloud.start({
      name: 'proxied',
      authority,
      options: { outbound: { extraRoots, allowNetworks: ['127.0.0.0/8', '::1/128'], proxy: through } },
    }),
    hostileAt('peer.localhost', authority),
    hostileAt('hanging.localhost', authority),
  ]);
  hanging.behaviour = { kind: 'hang' };
  const slow = await byHand(one, hanging);
  const since = performance.now();
  slowest = test(one, slow).then((tested) => ({ tested, milliseconds: performance.now() - since }));
  slowest.catch(() => undefined); // looked at by the last test
  id = (await trusted(one, peer)).id;
  const [row] = await one.rows<{ own_reference: string }>(
    'select own_reference from federation.relationship where id = $1',
    id,
  );
  reference = row?.own_reference ?? '';
});
afterEach(async () => {
  peer.behaviour = { kind: 'json' };
  peer.present(await authority.issue('peer.localhost'));
  peer.requests.length = 0;
  proxy.refusal = undefined;
});
afterAll(() => stopAll(one, split, strict, proxied, peer, hanging, proxy));

describe('testing two clouds that trust each other', () => {
  it('passes every step from both sides, whether peers have a listener of their own or not', async () => {
    await establishTrust(one, split);
    for (const [from, to] of [
      [one, split],
      [split, one],
    ] as const) {
      const service = await serviceOf(from, to.origin);
      const tested = await test(from, service?.id);
      expect(tested.steps.map(({ step, ok }) => [step, ok])).toEqual(WAY.map((step) => [step, true]));
      expect(tested.ok).toBe(true);
      expect(Math.abs(tested.steps.at(-1)?.differenceMilliseconds ?? 1_000)).toBeLessThan(1_000);
      expect(await from.json('GET', `/admin/services/${service?.id}`)).toMatchObject({
        lastTest: { at: tested.at, ok: true },
      });
    }
  });

  it('fails on one side when the other has ended it, and says that they do not trust us', async () => {
    const there = await serviceOf(split, one.origin);
    const here = await serviceOf(one, split.origin);
    // As if the notice of its end had not arrived yet.
    await split.rows(`update federation.relationship set state = 'REVOKED' where id = $1`, there?.id);
    split.get(JudgedCopies).dropAll();
    const tested = await test(one, here?.id);
    expect(tested.steps.map(({ step }) => step)).toEqual(UP_TO_ANSWER);
    expect(failureOf(tested)).toMatchObject({ step: 'answer', reason: 'refused-401' });
    expect(await split.api('POST', `/admin/services/${there?.id}/test`)).toMatchObject({ status: 409 });
  });
});

describe('testing a peer', () => {
  it('takes a new connection each time, shows our certificate, and asks nothing but the ping', async () => {
    peer.behaviour = pong();
    const { dialled } = peer;
    expect((await test(one)).ok).toBe(true);
    expect((await Promise.all([test(one), test(one)])).map(({ ok }) => ok)).toEqual([true, true]);
    expect(peer.dialled - dialled).toBe(3);
    expect(peer.requests.map(({ method, path, body }) => [method, path, body])).toEqual(
      Array(3).fill(['POST', '/federation/ping', '']),
    );
    expect(peer.requests.map(({ connection }) => connection.clientPin)).toEqual(Array(3).fill(one.fingerprint));
  });

  it.each<[string, () => RecordedRequestBehaviour, string, string]>([
    ['a peer that does not trust us', () => ({ kind: 'json', status: 401 }), 'answer', 'refused-401'],
    ['a peer that suspended us', () => suspended, 'answer', 'refused-4xx'],
    ['a peer that leads elsewhere', () => ({ kind: 'redirect', status: 308, location: '/' }), 'answer', 'bad-answer'],
    ['a server that is not ours', () => html, 'answer', 'bad-answer'],
    ['a peer with a fault', () => ({ kind: 'json', status: 500 }), 'answer', 'error-5xx'],
    ['a peer that hangs up', () => ({ kind: 'close-before-answer' }), 'answer', 'bad-answer'],
    [
      'a proxy of theirs that shows its own certificate',
      () => pong({ fingerprintSeen: `sha256:${'x'.repeat(43)}` }),
      'our-certificate',
      'other-fingerprint',
    ],
    ['an earlier relationship', () => pong({ relationship: 'earlier' }), 'our-certificate', 'other-relationship'],
    ['a clock that is ahead', () => pong({}, 60_000), 'clock', 'clock-difference'],
    ['a clock that is behind', () => pong({}, -3_600_000), 'clock', 'clock-difference'],
  ])('finds %s', async (_, behaviour, step, reason) => {
    peer.behaviour = behaviour();
    const tested = await test(one);
    expect(tested.ok).toBe(false);
    expect(failureOf(tested)).toMatchObject({ step, reason });
    expect(tested.steps.map((each) => each.step)).toEqual(step === 'answer' ? UP_TO_ANSWER : WAY);
    expect(await one.json('GET', `/admin/services/${id}`)).toMatchObject({
      state: 'TRUSTED',
      lastTest: { at: tested.at, ok: false, step, reason },
    });
    expect(await serviceOf(one, peer.origin)).toMatchObject({ lastTest: { at: tested.at, ok: false, step, reason } });
  });

  type RecordedRequestBehaviour = HostilePeer['behaviour'];
  const suspended: Behaviour = { kind: 'json', status: 403, body: { message: 'SUSPENDED' } };
  const html: Behaviour = { kind: 'text', status: 200, contentType: 'text/html', body: '<p>Welcome</p>' };

  it('finds a certificate that is not in order, before a byte of HTTP is sent', async () => {
    const cases = [
      [await authority.issue('peer.localhost', { days: -1 }), 'tls-chain'],
      [await makeSelfSignedCertificate('peer.localhost'), 'tls-chain'],
      [await authority.issue('other.localhost'), 'tls-name'],
    ] as const;
    for (const [shown, reason] of cases) {
      peer.present(shown);
      expect(failureOf(await test(one))).toMatchObject({ step: 'certificate', reason });
    }
    expect(peer.requests).toEqual([]);
  });

  it('stands in the audit trail, with who asked, the step, the reason and the sentence', async () => {
    peer.behaviour = { kind: 'json', status: 401 };
    const tested = await test(one);
    const { detail } = failureOf(tested) ?? {};
    const [last] = await one.rows(
      `select action, actor_kind, outcome, peer, details from federation.audit_entry
       where object = $1 order by at desc limit 1`,
      `service:${id}`,
    );
    expect(last).toEqual({
      action: 'trust.tested',
      actor_kind: 'operator',
      outcome: 'done',
      peer: id,
      details: { origin: peer.origin, ok: false, step: 'answer', reason: 'refused-401', detail },
    });
    expect(
      (await one.rows('select relationship_id from federation.relationship_test where relationship_id = $1', id))
        .length,
    ).toBe(1);
  });

  it('is for operators: an auditor may read what came of it', async () => {
    const { token } = await one.json<{ token: string }>('POST', '/admin/tokens', { role: 'auditor', label: 'reader' });
    const headers = { authorization: `Bearer ${token}` };
    expect((await one.api('POST', `/admin/services/${id}/test`, undefined, { headers })).status).toBe(403);
    expect((await one.api('GET', `/admin/services/${id}`, undefined, { headers })).status).toBe(200);
    expect(peer.requests).toEqual([]);
  });

  it('is refused for what does not exist', async () => {
    expect((await one.api('POST', '/admin/services/nothing/test')).status).toBe(404);
  });
});

describe('testing a peer that is not trusted yet', () => {
  it('expects its 401 and says so; one that waits for our operator is not called at all', async () => {
    const stranger = await hostileAt('stranger.localhost', authority);
    stranger.behaviour = { kind: 'json', status: 401 };
    const { id: asked } = await one.json<{ id: string }>('POST', '/admin/services', { url: stranger.origin });
    const requested = await test(one, asked);
    expect(requested).toMatchObject({ ok: true });
    expect(requested.steps.at(-1)).toMatchObject({ step: 'answer', detail: expect.stringContaining('as expected') });
    await one.api('DELETE', `/admin/services/${asked}`);

    await ask(stranger, one);
    const invited = await inState(one, stranger.origin, 'INVITED');
    const { dialled } = stranger;
    expect(await one.api('POST', `/admin/services/${invited.id}/test`)).toMatchObject({ status: 409 });
    expect(stranger.dialled).toBe(dialled);
    expect(await serviceOf(one, stranger.origin)).toMatchObject({ state: 'INVITED', lastTest: null });

    stranger.behaviour = ({ path }) => ({ kind: 'json', status: path === '/federation/ping' ? 401 : 503 });
    await one.json('POST', `/admin/services/${invited.id}/accept`);
    expect(await test(one, invited.id)).toMatchObject({ ok: true });
    expect((await serviceOf(one, stranger.origin))?.state).toBe('CONFIRMING');
    await stranger.stop();
  });
});

describe('testing where calls cannot leave', () => {
  let blocked: string;
  let tunnelled: string;
  beforeAll(async () => {
    [blocked, tunnelled] = await Promise.all([byHand(strict), byHand(proxied)]);
  });

  it('names the address that peers may not live at, and dials nothing', async () => {
    const { dialled } = peer;
    const tested = await test(strict, blocked);
    expect(tested.steps.map(({ step, ok }) => [step, ok])).toEqual([
      ['name', true],
      ['address', false],
    ]);
    expect(failureOf(tested)?.detail).toBe(
      'peer.localhost resolves to 127.0.0.1, which lies in a network that peers may not live in; PEER_NETWORK_ALLOW would allow it',
    );
    expect(peer.dialled).toBe(dialled);
  });

  it.each([404, 405, 501])('passes a peer of plain OCM through the proxy up to its answer of %i', async (status) => {
    peer.behaviour = { kind: 'json', status };
    const tested = await test(proxied, tunnelled);
    expect(tested.steps.map(({ step, ok }) => [step, ok])).toEqual(UP_TO_ANSWER.map((step) => [step, true]));
    expect(tested.steps.at(-1)?.detail).toContain('stay unknown');
    expect(proxy.asked.at(-1)?.target).toBe(`127.0.0.1:${peer.port}`);
  });

  it('names the proxy when it is the proxy, without its password', async () => {
    proxy.refusal = { status: 407 };
    const tested = await test(proxied, tunnelled);
    expect(failureOf(tested)).toMatchObject({ step: 'connect', reason: 'proxy' });
    expect(failureOf(tested)?.detail).toContain(`the proxy http://localhost:${proxy.port} opens no tunnel`);
    expect(await proxied.json('GET', `/admin/services/${tunnelled}`)).toMatchObject({
      lastTest: { ok: false, step: 'connect', reason: 'proxy' },
    });
    const audited = await proxied.rows('select details from federation.audit_entry');
    expect(JSON.stringify([tested, audited])).not.toContain('hunter2');
  });
});

it('takes 10 s at most', async () => {
  const { tested, milliseconds } = await slowest;
  expect(failureOf(tested)).toMatchObject({ step: 'answer', reason: 'timeout' });
  expect(milliseconds).toBeLessThan(10_000);
}, 12_000);
