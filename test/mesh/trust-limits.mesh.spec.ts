import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { inState, serviceOf, TestCloud } from '../support/cloud.js';
import type { HostilePeer } from '../support/hostile-peer.js';
import { ask, CODE, forgetAll, hostileAt, introduction, service, stopAll } from '../trust/mesh.js';

const LIMITED = {
  status: 429,
  json: { message: 'TOO_MANY_REQUESTS' },
  headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) },
};

describe('requests for trust by strangers', () => {
  let cloud: TestCloud;
  let peer: HostilePeer;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [cloud, peer] = await Promise.all([TestCloud.start({ name: 'a', authority }), hostileAt('b.localhost', authority)]);
  });
  afterEach(async () => {
    expect(peer.dialled).toBe(0);
    await forgetAll(cloud);
  });
  afterAll(() => stopAll(cloud, peer));

  const requests = () => cloud.rows<{ pin: string; state: string }>('select * from federation.trust_request');
  const askAs = (host: string, as: IssuedCertificate) => {
    const body = introduction(`https://${host}:8443`);
    return peer.call(cloud.origin, { method: 'POST', path: '/federation/trust-requests', body, as });
  };
  /** Requests that came from elsewhere. */
  const fill = (count: number, network: string) =>
    cloud.rows(
      `insert into federation.trust_request
         (id, origin, endpoint, pin, certificate, display_name, domains, code_hash, code_sealed, network, state)
       select 'r' || n, 'https://h' || n || '.example', 'https://h' || n || '.example', 'pin' || n, '', '', '[]', '', '',
         $2 || n, 'pending' from generate_series(1, $1::int) as n`,
      count,
      network,
    );

  it('are stored and shown, and nothing more', async () => {
    expect(await ask(peer, cloud, { domains: ['b.localhost', 'beta.example'], displayName: 'Cloud B' })).toMatchObject({
      status: 202,
      json: { status: 'PENDING' },
    });
    expect(await inState(cloud, peer.origin, 'INVITED')).toMatchObject({
      displayName: 'Cloud B',
      domains: ['b.localhost'],
      proposedDomains: ['beta.example'],
      nextAttempt: null,
    });
    expect(await cloud.rows('select id from federation.relationship')).toEqual([]);
    expect(await cloud.rows('select id from federation.delivery')).toEqual([]);
    expect(JSON.stringify(await requests())).not.toContain(CODE);
  });

  it('are one request, however often one key repeats it, and one line in the audit trail', async () => {
    const codes = [CODE, CODE, 'B'.repeat(43), 'C'.repeat(43), 'C'.repeat(43)];
    for (const code of codes) expect((await ask(peer, cloud, { code })).status).toBe(202);
    const rows = await requests();
    expect(rows).toHaveLength(1);
    const object = `trust-request:${(await serviceOf(cloud, peer.origin))?.id}`;
    expect(await cloud.rows('select action from federation.audit_entry where object = $1', object)).toEqual([
      { action: 'trust.request-received' },
    ]);
  });

  it('are three at most for one origin', async () => {
    const keys = await Promise.all([1, 2, 3, 4].map(() => makeSelfSignedCertificate('h.localhost')));
    const answers = [];
    for (const key of keys) answers.push(await askAs('h.localhost', key));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 429]);
    expect(answers[3]).toMatchObject(LIMITED);
    // Whoever waits already may still say so again.
    expect((await askAs('h.localhost', keys[0] ?? peer.credential)).status).toBe(202);
  });

  it('are three at most for one origin when they come at once', async () => {
    const keys = await Promise.all([1, 2, 3, 4, 5, 6].map(() => makeSelfSignedCertificate('h.localhost')));
    const answers = await Promise.all(keys.map((key) => askAs('h.localhost', key)));
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 202, 429, 429, 429]);
    expect(await requests()).toHaveLength(3);
  });

  it('are five at most from one address', async () => {
    const hosts = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((name) => `${name}.localhost`);
    const answers = [];
    for (const host of hosts) answers.push(await askAs(host, await makeSelfSignedCertificate(host)));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202, 429]);
    expect(answers[5]).toMatchObject(LIMITED);
  });

  it('are a hundred at most in all', async () => {
    await fill(99, 'network ');
    expect((await ask(peer, cloud)).status).toBe(202);
    expect(await askAs('h.localhost', await makeSelfSignedCertificate('h.localhost'))).toMatchObject(LIMITED);
    expect(await requests()).toHaveLength(100);
  });

  it('make room when they end after fourteen days', async () => {
    await ask(peer, cloud);
    const [row] = await cloud.rows<{ days: number }>(
      `select round(extract(epoch from expires_at - created_at) / 86400)::int as days from federation.trust_request`,
    );
    expect(row?.days).toBe(14);
    const { id } = await inState(cloud, peer.origin, 'INVITED');
    await fill(99, 'network ');
    await cloud.rows(`update federation.trust_request set expires_at = now() where id = $1`, id);
    expect(await serviceOf(cloud, peer.origin)).toBeUndefined();
    expect((await cloud.api('POST', `/admin/services/${id}/accept`)).status).toBe(404);
    expect((await askAs('h.localhost', await makeSelfSignedCertificate('h.localhost'))).status).toBe(202);
  });

  it('make room when they are answered', async () => {
    const keys = await Promise.all([1, 2, 3, 4].map(() => makeSelfSignedCertificate('h.localhost')));
    for (const key of keys.slice(0, 3)) await askAs('h.localhost', key);
    const { id } = await inState(cloud, 'https://h.localhost:8443', 'INVITED');
    await cloud.json('POST', `/admin/services/${id}/reject`);
    expect((await askAs('h.localhost', keys[3] ?? peer.credential)).status).toBe(202);
  });

  it('are refused under a certificate that names another host than they claim', async () => {
    const answer = await ask(peer, cloud, { origin: 'https://c.localhost', endpoint: 'https://c.localhost' });
    expect(answer).toMatchObject({ status: 401, json: { message: 'CLIENT_NOT_AUTHENTICATED' } });
    expect(await requests()).toEqual([]);
  });

  it.each<[string, Parameters<typeof ask>[2], string]>([
    ['another version', { version: '2' }, 'version'],
    ['an endpoint on another host', { endpoint: 'https://c.localhost:8443' }, 'endpoint'],
    ['an endpoint that is plain HTTP', { endpoint: 'http://b.localhost' }, 'endpoint'],
    ['an origin with a path', { origin: 'https://b.localhost/x' }, 'origin'],
    ['a code that cannot be one', { code: 'short' }, 'code'],
    ['a domain that is none', { domains: ['b.localhost', 'localhost:80'] }, 'domains'],
    ['too many domains', { domains: Array(101).fill('b.localhost') }, 'domains'],
    ['a name too long to store', { displayName: 'ü'.repeat(200) }, 'displayName'],
  ])('are refused with %s', async (_, values, name) => {
    const answer = await ask(peer, cloud, values);
    expect(answer).toMatchObject({ status: 400, json: { message: 'VALIDATION_FAILED' } });
    expect(answer.json).toMatchObject({
      validationErrors: expect.arrayContaining([expect.objectContaining({ name })]),
    });
    expect(await requests()).toEqual([]);
  });

  it('never touch a relationship, whatever they claim', async () => {
    const peerPin = (await ask(peer, cloud)).status;
    expect(peerPin).toBe(202);
    const { id } = await inState(cloud, peer.origin, 'INVITED');
    await cloud.rows(
      `insert into federation.relationship (id, origin, endpoint, state, pin, own_reference)
       values ('known', $1, $1, 'TRUSTED', 'sha256:known', 'ours')`,
      peer.origin,
    );
    const before = await cloud.rows('select * from federation.relationship');
    const key = await makeSelfSignedCertificate(peer.host);
    expect((await ask(peer, cloud, { displayName: 'Evil' }, key)).status).toBe(202);
    expect(await cloud.rows('select * from federation.relationship')).toEqual(before);
    expect(await cloud.api('POST', `/admin/services/${id}/accept`)).toMatchObject({
      status: 409,
      json: { message: 'STATE_CONFLICT' },
    });
    expect(await cloud.rows('select * from federation.relationship')).toEqual(before);
    expect((await service(cloud, 'known')).state).toBe('TRUSTED');
  });

  it('are taken back by the key that made them and knows the code, and by nobody else', async () => {
    await ask(peer, cloud);
    const cancel = (body: object, as = peer.credential) =>
      peer.call(cloud.origin, { method: 'POST', path: '/federation/trust-cancellations', body, as });
    const other = await makeSelfSignedCertificate(peer.host);
    const foreign = await makeSelfSignedCertificate('c.localhost');
    const answers = [
      await cancel({ origin: peer.origin, code: CODE }, other),
      await cancel({ origin: peer.origin, code: CODE }, foreign),
      await cancel({ origin: peer.origin, code: 'B'.repeat(43) }),
      await cancel({ origin: 'https://b.localhost:1', code: CODE }),
    ];
    expect(answers.map(({ status, text }) => [status, text])).toEqual(Array(4).fill([204, '']));
    expect((await requests()).map(({ state }) => state)).toEqual(['pending']);
    expect(await cancel({ origin: peer.origin, code: CODE })).toMatchObject({ status: 204, text: '' });
    expect((await requests()).map(({ state }) => state)).toEqual(['ended']);
    expect(await serviceOf(cloud, peer.origin)).toBeUndefined();
  });
});
