import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE } from '../../src/access/audience.js';
import { OcmSharesController } from '../../src/shares/incoming/ocm-shares.controller.js';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { bodyOf, type Json, offer } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { ADMIN_TOKEN, TestCloud } from '../support/cloud.js';
import { type CallOptions, call } from '../support/hostile-peer.js';
import { rawExchange } from '../trust/raw.js';
import { liveRoutes } from './live-routes.js';

/** Every route of a server, its methods, and who gets further than the guard. A new route is a new line here. */
const TABLE = `
  anyone    GET HEAD             /docs
  anyone    GET HEAD             /docs-json
  anyone    GET HEAD             /docs/assets/:name
  anyone    GET HEAD             /docs/start.js
  anyone    GET HEAD             /federation
  anyone    GET HEAD             /health/live
  anyone    GET HEAD             /health/ready
  host      DELETE GET HEAD      /api/v1/shares/incoming/:id
  host      DELETE GET HEAD PATCH /api/v1/accounts/:id
  host      DELETE GET HEAD PATCH /api/v1/shares/outgoing/:id
  host      GET HEAD             /api/v1/shares/incoming
  host      GET HEAD             /api/v1/shares/incoming/:id/access
  host      GET HEAD             /api/v1/accounts/export
  host      GET HEAD POST        /api/v1/accounts
  host      POST                 /api/v1/accounts/import
  host      GET HEAD POST        /api/v1/shares/outgoing
  host      POST                 /api/v1/access/introspect
  host      POST                 /api/v1/shares/incoming/:id/accept
  host      POST                 /api/v1/shares/incoming/:id/decline
  host      POST                 /api/v1/shares/outgoing/:id/resend
  operator  DELETE               /admin/tokens/:id
  operator  DELETE GET HEAD PATCH /admin/services/:id
  operator  GET HEAD             /admin/alerts
  operator  GET HEAD             /admin/audit
  operator  GET HEAD             /admin/audit/refusals
  operator  GET HEAD             /admin/audit/verify
  operator  GET HEAD             /admin/self
  operator  DELETE GET HEAD      /admin/self/certificate/rotation
  operator  POST                 /admin/self/certificate/rotate
  operator  GET HEAD POST        /admin/services
  operator  GET HEAD POST        /admin/tokens
  operator  POST                 /admin/accounts/export
  operator  POST                 /admin/alerts/:id/settle
  operator  POST                 /admin/services/:id/accept
  operator  POST                 /admin/services/:id/reapprove
  operator  POST                 /admin/services/:id/reject
  operator  POST                 /admin/services/:id/resume
  operator  POST                 /admin/services/:id/suspend
  operator  POST                 /admin/services/:id/test
  peer      DELETE               /federation/trust
  peer      GET HEAD             /notifications/:id
  peer      GET HEAD             /ocm/notifications/:id
  peer      GET HEAD             /ocm/shares/:id
  peer      GET HEAD             /shares/:id
  peer      GET HEAD POST        /notifications
  peer      GET HEAD POST        /ocm/notifications
  peer      GET HEAD POST        /ocm/shares
  peer      GET HEAD POST        /shares
  peer      POST                 /federation/ping
  peer      PUT                  /federation/trust/certificate
  peer      PUT                  /federation/trust/profile
  stranger  POST                 /federation/trust-cancellations
  stranger  POST                 /federation/trust-confirmations
  stranger  POST                 /federation/trust-requests`;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/** Ways to write a path that a proxy, a router and a guard might read differently. */
const SPELLINGS: Record<string, (path: string, origin: string) => string> = {
  'two slashes': (path) => `/${path}`,
  'a slash at the end': (path) => `${path}/`,
  'two slashes at the end': (path) => `${path}//`,
  'two slashes inside': (path) => path.replace(/(?<=.)\//, '//'),
  'a dot': (path) => `/.${path}`,
  'a dot at the end': (path) => `${path}/.`,
  'two dots': (path) => `/health/..${path}`,
  'two dots, escaped': (path) => `/health/%2e%2e${path}`,
  'two dots behind an escaped slash': (path) => `/health/..%2f${path.slice(1)}`,
  'a letter escaped': (path) => `/%${path.charCodeAt(1).toString(16)}${path.slice(2)}`,
  'a letter escaped twice': (path) => `/%25${path.charCodeAt(1).toString(16)}${path.slice(2)}`,
  'an escaped slash at the end': (path) => `${path}%2f`,
  'an escaped slash at the beginning': (path) => `/%2f${path.slice(1)}`,
  'a backslash': (path) => `\\${path.slice(1)}`,
  'an escaped backslash': (path) => `/%5c${path.slice(1)}`,
  'a parameter of the segment': (path) => `${path};x=1`,
  'an escaped semicolon': (path) => `${path}%3bx`,
  'upper case': (path) => path.toUpperCase(),
  'a space at the end': (path) => `${path}%20`,
  'a line end': (path) => `${path}%0d%0a`,
  'a NUL': (path) => `${path}%00`,
  'a suffix': (path) => `${path}.json`,
  'an escaped question mark': (path) => `${path}%3fa=b`,
  'a fragment': (path) => `${path}#x`,
  'another method in the query': (path) => `${path}?_method=GET&method=GET`,
  'an absolute address': (path, origin) => `${origin}${path}`,
  'an absolute address without TLS': (path, origin) => `${origin.replace('https', 'http')}${path}`,
  'an absolute address with a user': (path, origin) => `${origin.replace('//', '//health@')}${path}`,
  'the address of another host': (path) => `//evil.example${path}`,
  'a full-width letter': (path) => `/${String.fromCodePoint(path.charCodeAt(1) + 0xfee0)}${path.slice(2)}`,
};

const OVERRIDES = [
  'X-HTTP-Method-Override: GET',
  'X-HTTP-Method: GET',
  'X-Method-Override: GET',
  'X-Original-URL: /health/live',
  'X-Rewrite-URL: /health/live',
  'X-Forwarded-Prefix: /health',
  'X-Forwarded-For: 127.0.0.1',
];

describe('every route of a running server', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let authority: CertificateAuthority;
  let unknown: IssuedCertificate;
  let tokens: Record<'host' | 'operator' | 'auditor', string>;
  let shareId: string;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    const bob = await cloud.createAccount('bob');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    unknown = await makeSelfSignedCertificate('cloud3.localhost');
    shareId = String(bodyOf(await peer.post('/shares', offer(peer, bob))).id);
    const issue = async (role: string) =>
      (await cloud.json<{ token: string }>('POST', '/admin/tokens', { role, label: role })).token;
    tokens = { host: await issue('host'), operator: await issue('operator'), auditor: await issue('auditor') };
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

  const status = async (method: string, path: string, options: CallOptions = {}) =>
    (await call(cloud.origin, { method, path: path.replace(/:\w+/, 'x'), ...options })).status;
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  const goesOn = (code: number) => code !== 401 && code !== 403;

  /** Who gets past the guard, tried one after the other. */
  async function audienceOf(method: string, path: string): Promise<string> {
    if (goesOn(await status(method, path))) return 'anyone';
    if (goesOn(await status(method, path, { as: unknown }))) return 'stranger';
    const callers: [string, CallOptions][] = [
      ['peer', { as: peer.server.credential }],
      ['host', bearer(tokens.host)],
      ['operator', bearer(tokens.operator)],
    ];
    const admitted: string[] = [];
    for (const [name, options] of callers) if (goesOn(await status(method, path, options))) admitted.push(name);
    return admitted.join('+');
  }

  it('is known, with its methods and its audience, found out by calling it', async () => {
    const lines: string[] = [];
    for (const { path, methods } of liveRoutes(cloud)) {
      const audiences = new Set<string>();
      for (const method of methods) audiences.add(await audienceOf(method, path));
      lines.push(`${[...audiences].join('|')} ${[...methods].sort().join(' ')} ${path}`);
    }
    const wanted = TABLE.trim().split('\n');
    expect(lines.sort()).toEqual(wanted.map((line) => line.trim().replace(/ +/g, ' ')).sort());
  }, 20_000);

  /** What a stranger can bring along at most: an unknown certificate, tokens of the wrong role, headers that promise. */
  function attempt(method: string, target: string, path: string): Promise<string> {
    const token = path.startsWith('/admin') ? tokens.host : tokens.operator;
    const { host } = new URL(cloud.origin);
    const head = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${token}`, ...OVERRIDES];
    const text = [...head, 'Content-Length: 2', 'Content-Type: application/json', 'Connection: close', '', '{}'];
    return rawExchange(cloud.origin, text.join('\r\n'), unknown);
  }

  const everything = async () => {
    const tables = await cloud.rows<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'federation' and table_name not in
        ('audit_refusal', 'audit_link', 'audit_pending', 'audit_head', 'api_token')`,
    );
    const counts = tables.map(({ name }) => `select '${name}' as name, count(*)::int as rows from federation.${name}`);
    return cloud.rows(`${counts.join(' union all ')} order by name`);
  };

  it('is reached by no other spelling, method or header without its credential, and nothing comes of trying', async () => {
    const before = await everything();
    const guarded = liveRoutes(cloud).filter(({ path }) => TABLE.includes(path) && !isForAnyone(path));
    const odd: string[] = [];
    const tries: (() => Promise<void>)[] = [];
    const add = (what: string, method: string, target: string, path: string) =>
      tries.push(async () => {
        const answer = await attempt(method, target, path);
        const code = Number(answer.slice(9, 12));
        // What is for strangers reads their body, and finds nothing in it.
        const isRefused = [400, 401, 403, 404, 405, 415, 421].includes(code);
        if (!isRefused) odd.push(`${what}: ${method} ${target} → ${answer.slice(0, 80)}`);
      });
    for (const [nth, { path: pattern, methods }] of guarded.entries()) {
      const path = pattern.replace(':id', shareId);
      for (const method of METHODS) add('method', method, path, path);
      for (const [at, [what, spell]] of Object.entries(SPELLINGS).entries()) {
        // Each path in every third spelling, each spelling on every third path.
        if ((nth + at) % 3 === 0)
          add(what, methods[((nth + at) / 3) % methods.length] ?? 'GET', spell(path, cloud.origin), path);
      }
    }
    expect(tries.length).toBeGreaterThan(500);
    await inLanes(8, tries);
    expect(odd).toEqual([]);
    expect(await everything()).toEqual(before);
  }, 60_000);

  it('takes another method from nothing but the request line', async () => {
    const issued = await call(cloud.origin, {
      method: 'POST',
      path: '/admin/tokens?_method=GET',
      body: { role: 'operator', label: 'x' },
      headers: {
        authorization: `Bearer ${tokens.auditor}`,
        'x-http-method-override': 'GET',
        'x-method-override': 'GET',
      },
    });
    expect([issued.status, issued.json]).toEqual([403, { message: 'NOT_ALLOWED' }]);
    const read = await call(cloud.origin, {
      path: `/api/v1/shares/incoming/${shareId}?_method=DELETE`,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'x-http-method-override': 'DELETE' },
    });
    expect([read.status, (read.json as Json).state]).toEqual([200, 'pending']);
  });

  it('says whom it answers, or there is no server', async () => {
    const said: unknown = Reflect.getMetadata(AUDIENCE, OcmSharesController);
    Reflect.deleteMetadata(AUDIENCE, OcmSharesController);
    try {
      const silent = TestCloud.start({ name: 'cloud4', authority });
      await expect(silent).rejects.toThrow(/OcmSharesController\.create/);
    } finally {
      Reflect.defineMetadata(AUDIENCE, said, OcmSharesController);
    }
  });

  it('gives HEAD to nobody who may not GET, and not a byte of a body', async () => {
    for (const path of [`/shares/${shareId}`, '/shares', '/notifications']) {
      expect(await status('HEAD', path, { as: unknown })).toBe(401);
      const answer = await peer.call({ method: 'HEAD', path });
      expect([answer.status, answer.text]).toEqual([200, '']);
    }
    expect(await status('HEAD', `/api/v1/shares/incoming/${shareId}/access`, bearer(tokens.auditor))).toBe(403);
  });
});

function isForAnyone(path: string): boolean {
  return TABLE.split('\n').some((line) => line.trim().startsWith('anyone') && line.endsWith(` ${path}`));
}

/** Does them all, so many at a time. */
async function inLanes(lanes: number, works: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = works.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const work of queue) await work();
    }),
  );
}
