import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority, type IssuedCertificate } from '../../src/transport/certificates.js';
import { OwnIdentity } from '../../src/trust/own-identity.js';
import { ADMIN_TOKEN, establishTrust, TestCloud } from '../support/cloud.js';
import { type CallOptions, call, keepAliveAgent } from '../support/hostile-peer.js';

const ROUTES = {
  peer: [
    ['POST', '/shares'],
    ['GET', '/shares'],
    ['GET', '/shares/ID'],
    ['POST', '/ocm/shares'],
    ['POST', '/notifications'],
    ['GET', '/notifications'],
    ['GET', '/notifications/ID'],
    ['POST', '/federation/ping'],
    ['POST', '/federation/trust-requests'],
    ['POST', '/federation/trust-confirmations'],
    ['POST', '/federation/trust-cancellations'],
    ['DELETE', '/federation/trust'],
    ['PUT', '/federation/trust/certificate'],
  ],
  bearer: [
    ['GET', '/admin/services'],
    ['POST', '/admin/services'],
    ['PATCH', '/admin/services/ID'],
    ['POST', '/admin/services/ID/accept'],
    ['POST', '/admin/services/ID/reject'],
    ['POST', '/admin/services/ID/test'],
    ['DELETE', '/admin/services/ID'],
    ['GET', '/admin/tokens'],
    ['POST', '/admin/tokens'],
    ['DELETE', '/admin/tokens/ID'],
    ['GET', '/admin/audit'],
    ['GET', '/admin/audit/refusals'],
    ['GET', '/admin/self'],
    ['POST', '/api/v1/accounts'],
    ['GET', '/api/v1/accounts'],
    ['PATCH', '/api/v1/accounts/ID'],
    ['DELETE', '/api/v1/accounts/ID'],
    ['POST', '/api/v1/shares/outgoing'],
    ['GET', '/api/v1/shares/outgoing'],
    ['PATCH', '/api/v1/shares/outgoing/ID'],
    ['DELETE', '/api/v1/shares/outgoing/ID'],
    ['GET', '/api/v1/shares/incoming'],
    ['GET', '/api/v1/shares/incoming/ID/access'],
    ['POST', '/api/v1/shares/incoming/ID/accept'],
    ['POST', '/api/v1/shares/incoming/ID/decline'],
    ['DELETE', '/api/v1/shares/incoming/ID'],
    ['POST', '/api/v1/access/introspect'],
  ],
} as const;

const PROPERTIES = [
  'shareId',
  'owner',
  'shareWith',
  'permission',
  'name',
  'description',
  'providerId',
  'protocol',
  'expiration',
  'type',
  'sequence',
  'message',
  'origin',
  'endpoint',
  'displayName',
  'domains',
  'code',
  'version',
  'decision',
  'relationship',
  'reason',
  'url',
  'expectedFingerprint',
  'fingerprint',
  'username',
  'emails',
  'password',
  'resourceId',
  'expiresAt',
  'role',
  'label',
  'token',
  'constructor',
  'toString',
];

const NASTY = [
  '\u0000',
  '\ud800',
  'a@b',
  'alice@cloud1.localhost',
  "x'; drop table federation.delivery; --",
  '%00%s%n',
  '‮gnp.exe',
  'K@cloud1.localhost',
  '9'.repeat(400),
  '2026-02-31T00:00:00Z',
  '+275760-09-13T00:00:00.000Z',
  '1',
  'read',
  '',
];
const values = fc.oneof(
  fc.constantFrom<unknown>(...NASTY, 0, -1, 2 ** 53, 1e308, true, null, [], {}, [[]], [{ name: 'pf_classic' }]),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 3 }),
);
const bodies = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(fc.constantFrom(...PROPERTIES), values).map((body) => JSON.stringify(body)) },
  fc.jsonValue().map((body) => JSON.stringify(body)),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '{"a":1,"a":2}',
    '{"__proto__":{"polluted":1}}',
    '['.repeat(5_000),
    '"\\ud800"',
    '{"name":"\\u0000"}',
    '﻿{}',
  ),
);
const ids = fc.oneof(
  fc.constantFrom('%00', '%c3%28', '..', '%2e%2e', '%2f', 'a'.repeat(300), 'null', '0', "'", '%F0%9F%98%80'),
  fc.base64String({ maxLength: 30 }).map(encodeURIComponent),
);
const queries = fc.oneof(
  fc.constant(''),
  fc.constantFrom(
    '?page=0',
    '?page=1&page=2',
    '?page[]=1',
    '?page=99999999999999999999',
    '?cursor=x',
    '?cursor=WyJ4Il0',
    '?limit=-1',
    '?owner[a]=1',
    '?state=x&state=y',
    '?%00=1',
    '?recipient=%00',
    '?owner=%ed%a0%80',
    '?action=%00',
    '?__proto__=1',
  ),
  fc.string({ maxLength: 20 }).map((text) => `?cursor=${encodeURIComponent(text.toWellFormed())}`),
);
const types = fc.constantFrom<string | undefined>(
  'application/json',
  'application/json',
  'application/json',
  'application/x-www-form-urlencoded',
  'text/plain',
  'nonsense',
  '',
  undefined,
);

describe('no input gives a 5xx', () => {
  let one: TestCloud;
  let two: TestCloud;
  let peer: IssuedCertificate;
  const agent = keepAliveAgent();

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [one, two] = await Promise.all([
      TestCloud.start({ name: 'cloud1', authority }),
      TestCloud.start({ name: 'cloud2', authority }),
    ]);
    await one.createAccount('alice');
    await establishTrust(one, two);
    const { certificate, privateKey } = two.get(OwnIdentity).current();
    peer = { certificate, privateKey: privateKey.reveal() };
  });

  afterAll(async () => {
    agent.destroy();
    await Promise.all([one?.stop(), two?.stop()]);
  });

  async function survives(audience: 'peer' | 'bearer', runs: number): Promise<void> {
    const requests = fc.record({
      route: fc.constantFrom(...ROUTES[audience]),
      id: ids,
      query: queries,
      body: bodies,
      type: types,
    });
    await fc.assert(
      fc.asyncProperty(requests, async ({ route: [method, path], id, query, body, type }) => {
        const options: CallOptions = {
          method,
          path: `${path.replace('ID', id)}${query}`,
          agent,
          ...(method === 'GET' ? {} : { body }),
          headers: {
            ...(type === undefined ? {} : { 'content-type': type }),
            ...(audience === 'bearer' ? { authorization: `Bearer ${ADMIN_TOKEN}` } : {}),
          },
          as: audience === 'peer' ? peer : undefined,
        };
        const answer = await call(one.origin, options);
        // 501 is a word of the protocol: nothing that we offer was asked for.
        if (answer.status !== 501) {
          expect(answer.status, `${method} ${options.path} ${body} → ${answer.text}`).toBeLessThan(500);
        }
        if (answer.status >= 400)
          expect(answer.json).toMatchObject({ message: expect.stringMatching(/^[A-Z][A-Z_]+$/) });
      }),
      { numRuns: runs, interruptAfterTimeLimit: 8_000, markInterruptAsFailure: false },
    );
  }

  it('from a trusted peer', () => survives('peer', 400), 20_000);

  it('from operators and hosts', () => survives('bearer', 400), 20_000);

  it('and all of it came from a peer that is trusted to the end', async () => {
    expect((await call(one.origin, { method: 'POST', path: '/federation/ping', as: peer })).status).toBe(200);
  });

  it('and nothing of it polluted a prototype', () => {
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
