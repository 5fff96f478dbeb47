import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AnswerOffer,
  CertificateAuthority,
  ChangeShare,
  DescribeIncoming,
  DescribeOutgoing,
  FederationEvents,
  ForgetAccount,
  GiveAccess,
  IntrospectToken,
  OfferShare,
  Secret,
  Transactions,
  WithdrawShare,
} from '../../src/index.js';
import { eventually, freePort, inState, TestCloud } from '../support/cloud.js';
import { type FreshDatabase, freshDatabase, inDatabase } from '../support/database.js';
import { type CallOptions, call } from '../support/hostile-peer.js';
import { Folders } from './folders.js';
import { People, type Person } from './people.js';
import { type Heard, PlatformSettings, startPlatform } from './platform.js';

const ADMIN_TOKEN = 'the-bootstrap-token-of-the-platform-under-test';
const SESSION = { 'x-session': 'alice' };
const OPERATOR = { authorization: `Bearer ${ADMIN_TOKEN}` };

let authority: CertificateAuthority;
let database: FreshDatabase;
let platform: NestFastifyApplication;
let cloud: TestCloud;
let origin: string;
let alice: Person;
let bob: string;
const lines: { route: string; status: number }[] = [];

beforeAll(async () => {
  authority = await CertificateAuthority.create('Test CA');
  [database, cloud] = await Promise.all([freshDatabase(), TestCloud.start({ name: 'cloud2', authority })]);
  await inDatabase(database.url, 'create schema platform');
  const port = await freePort();
  origin = `https://platform.localhost:${port}`;
  const web = await authority.issue('platform.localhost');
  const settings = new PlatformSettings('platform.localhost', database.url, {
    publicOrigin: origin,
    sealKey: randomBytes(32),
    adminToken: new Secret(ADMIN_TOKEN),
    outbound: { allowNetworks: ['127.0.0.0/8', '::1/128'], extraRoots: [authority.certificate] },
    database: { url: database.url },
  });
  platform = await startPlatform(settings, {
    port,
    origins: [origin],
    tls: { certificate: web.certificate, privateKey: new Secret(web.privateKey) },
    askForClientCertificates: true,
    log: (line) => lines.push(line),
  });
  alice = await platform.get(People).add('alice', 'Alice');
  bob = await cloud.createAccount('bob');
});

afterAll(async () => {
  await Promise.all([platform?.close(), cloud?.stop()]);
  await database?.drop();
});

const ask = (path: string, options: CallOptions = {}) => call(origin, { ca: authority.certificate, path, ...options });
const asAlice = (path: string, options: CallOptions = {}) =>
  ask(path, { ...options, headers: { ...SESSION, ...options.headers } });
const act = <T>(type: abstract new (...args: never[]) => T): T => platform.get<T>(type as never, { strict: false });

/** Who did what to an object, as the audit trail has it. */
const trailOf = (object: string) =>
  act(Transactions).query<{ action: string; by: string }>(
    `select action, actor_kind || ' ' || actor as by from federation.audit_entry where object = $1 order by at, id`,
    [object],
  );

describe("the host's own routes", () => {
  it('read JSON by the host’s own pipe', async () => {
    const made = await asAlice('/site/v3/folders', {
      method: 'POST',
      body: { owner: String(alice.id), title: 'Plans' },
    });
    expect([made.status, made.json]).toEqual([
      201,
      { data: { id: expect.any(String), owner: alice.id, title: 'Plans', wasRead: true } },
    ]);
    const refused = await asAlice('/site/v3/folders', { method: 'POST', body: { owner: 1, title: 'x', extra: 1 } });
    expect([refused.status, refused.json]).toEqual([400, { platformError: 400, says: 'Bad Request Exception' }]);
  });

  it.each([
    [
      'application/x-www-form-urlencoded',
      '/site/v3/contact',
      'name=Alice&name=Bob&x=1',
      { form: { name: ['Alice', 'Bob'], x: '1' } },
    ],
    ['text/csv', '/site/v3/table', 'a,b\nc', { rows: [['a', 'b'], ['c']] }],
    ['application/json', '/site/v3/contact', '{"a":1}', { form: { a: 1 } }],
  ])('read %s by the host’s own parser', async (type, path, body, data) => {
    const answer = await asAlice(path, { method: 'POST', body, headers: { 'content-type': type } });
    expect([answer.status, answer.json]).toEqual([201, { data }]);
  });

  it('fail in the host’s own shape, parser and unknown path included', async () => {
    expect(await asAlice('/site/v3/crash')).toMatchObject({ status: 500, json: { says: 'the platform fell over' } });
    expect(await asAlice('/nowhere')).toMatchObject({ status: 404, json: { platformError: 404 } });
    expect(await asAlice('/site/v3/shares')).toMatchObject({ status: 404, json: { platformError: 404 } });
    const broken = await asAlice('/site/v3/contact', { method: 'POST', body: '{' });
    expect(broken).toMatchObject({ status: 400, json: { platformError: 400 } });
  });

  it('answer without our headers, under any name, and leave no line in our log', async () => {
    lines.length = 0;
    const page = await asAlice('/site/v3/page?q=%ff', { headers: { host: 'www.platform.example' }, ca: undefined });
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    for (const ours of ['content-security-policy', 'cache-control', 'strict-transport-security', 'x-request-id']) {
      expect(page.headers[ours], ours).toBeUndefined();
    }
    expect(lines).toEqual([]);
  });

  it('keep the host’s guard', async () => {
    expect(await ask('/site/v3/page')).toMatchObject({ status: 401, json: { says: 'please sign in' } });
  });
});

describe('our routes in the same application', () => {
  it('stay where peers and operators know them, whatever prefix, versions and guards the host has', async () => {
    expect(await ask('/health/ready')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
    expect(await ask('/federation')).toMatchObject({ status: 200, json: { origin } });
    expect((await ask('/api/v1/shares/outgoing', { headers: OPERATOR })).json).toEqual({ items: [], next: null });
    expect((await asAlice('/site/v3/health/ready')).status).toBe(404);
    const head = await ask('/federation', { method: 'HEAD' });
    expect([head.status, head.headers['cache-control']]).toEqual([200, 'no-store']);
  });

  it.each([
    ['a stranger', 'POST', '/shares', '{', 401, { message: 'CLIENT_NOT_AUTHENTICATED' }],
    ['a caller without a token', 'POST', '/admin/services', '{}', 401, { message: 'CLIENT_NOT_AUTHENTICATED' }],
  ])('refuse %s in our shape', async (_who, method, path, body, status, json) => {
    const answer = await ask(path, { method, body });
    expect([answer.status, answer.json]).toEqual([status, json]);
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(answer.headers['x-request-id']).toMatch(/^[\w-]{24}$/);
  });

  it('read and judge bodies by themselves', async () => {
    const post = (body: unknown, type = 'application/json') =>
      ask('/admin/tokens', { method: 'POST', body, headers: { ...OPERATOR, 'content-type': type } });
    expect(await post({ role: 'host', label: 'a file server' })).toMatchObject({
      status: 201,
      json: { token: expect.any(String) },
    });
    const unknown = { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'extra', message: 'UNKNOWN' }] };
    expect((await post({ role: 'host', label: 'x', extra: 1 })).json).toEqual(unknown);
    expect(await post('{"role":"host","role":"host"}')).toMatchObject({
      status: 400,
      json: { message: 'VALIDATION_FAILED' },
    });
    expect(await post('a,b', 'text/csv')).toMatchObject({ status: 415, json: { message: 'UNSUPPORTED_MEDIA_TYPE' } });
    expect(await post('x', 'no type')).toMatchObject({ status: 415, json: { message: 'UNSUPPORTED_MEDIA_TYPE' } });
    expect(await post('x'.repeat(70_000))).toMatchObject({ status: 413, json: { message: 'PAYLOAD_TOO_LARGE' } });
  });

  it('answer under our own name only', async () => {
    const misdirected = await ask('/federation', { headers: { host: 'www.platform.example' }, ca: undefined });
    expect(misdirected).toMatchObject({ status: 421, json: { message: 'MISDIRECTED_REQUEST' } });
    expect((await ask('/api/v1/shares/outgoing/a%00b', { headers: OPERATOR })).json).toEqual({
      message: 'VALIDATION_FAILED',
      validationErrors: [{ name: 'request', message: 'INVALID_STRING' }],
    });
  });

  it('leave one line each in our log', async () => {
    lines.length = 0;
    await ask('/admin/services?state=nothing-of-the-kind');
    await ask('/federation', { headers: { host: 'www.platform.example' }, ca: undefined });
    expect(lines).toMatchObject([
      { route: '/admin/services', status: 401 },
      { route: '/federation', status: 421 },
    ]);
  });

  it('alone stand in our documents, under their own classes', async () => {
    const { json } = await ask('/docs-json');
    const { paths, components } = json as {
      paths: object;
      components: { schemas: Record<string, { properties: object }> };
    };
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/shares', '/admin/services', '/api/v1/shares/outgoing']),
    );
    expect(Object.keys(paths).filter((path) => /site|folders|v3/.test(path))).toEqual([]);
    expect(Object.keys(components.schemas.ErrorBodyDto?.properties ?? {})).toContain('message');
    expect((await ask('/site/api-json')).text).toContain('/site/v3/folders');
  });
});

describe('a platform that shares in process', () => {
  const heard = () => act(FederationEvents) as Heard;

  it('comes to trust another cloud', async () => {
    const admin = (method: string, path: string, body?: unknown) => ask(path, { method, body, headers: OPERATOR });
    expect((await admin('POST', '/admin/services', { url: cloud.origin })).status).toBe(201);
    const invited = await inState(cloud, origin, 'INVITED');
    await cloud.json('POST', `/admin/services/${invited.id}/accept`);
    await inState(cloud, origin, 'TRUSTED');
    await eventually('the platform trusts it', async () =>
      (await admin('GET', '/admin/services')).text.includes('"TRUSTED"'),
    );
  });

  it('offers a folder of its own from its own route, and hears that bob has accepted', async () => {
    const folder = await act(Folders).add(alice.id, 'Field notes');
    const offered = await asAlice(`/site/v3/folders/${folder.id}/share`, { method: 'POST', body: { with: bob } });
    expect(offered).toMatchObject({ status: 201, json: { data: { state: 'pending-delivery' } } });
    const { share } = (offered.json as { data: { share: string } }).data;

    const invited = await eventually('bob is invited', async () => {
      const { items } = await cloud.json<{ items: { id: string; owner: string }[] }>('GET', '/api/v1/shares/incoming');
      return items[0];
    });
    expect(invited.owner).toBe('alice@platform.localhost');
    await cloud.json('POST', `/api/v1/shares/incoming/${invited.id}/accept`);
    const event = await eventually('the platform hears it', async () => heard().events[0]);
    expect(event).toMatchObject({ type: 'share-accepted', account: `person-${alice.id}`, share, counterpart: bob });
    expect((await act(DescribeOutgoing).byId(share)).state).toBe('accepted');

    const access = await eventually('bob can read', async () => {
      const answer = await cloud.api('GET', `/api/v1/shares/incoming/${invited.id}/access`);
      return answer.status === 200 && (answer.json as { protocols: { options: { access_token: string } }[] });
    });
    const token = new Secret(access.protocols[0]?.options.access_token ?? '');
    const worth = { active: true, sub: bob, scope: 'read', resource_id: folder.id };
    expect(await act(IntrospectToken).execute(token)).toMatchObject(worth);
    await act(ChangeShare).execute(share, { permission: 'read_write' });
    expect(await act(IntrospectToken).execute(token)).toMatchObject({ scope: 'read_write' });
    await act(WithdrawShare).execute(share);
    expect(await act(IntrospectToken).execute(token)).toEqual({ active: false });
    expect(await trailOf(`outgoing-share:${share}`)).toEqual([
      { action: 'share.created', by: 'host in-process' },
      { action: 'share.delivered', by: 'system outbox' },
      { action: 'share.accepted', by: expect.stringMatching(/^peer /) },
      { action: 'share.changed', by: 'host in-process' },
      { action: 'share.withdrawn', by: 'host in-process' },
    ]);
  });

  it('takes a folder of bob’s for alice, and hands out its access', async () => {
    cloud.makeResource(bob, 'photographs');
    await cloud.json('POST', '/api/v1/shares/outgoing', {
      owner: bob,
      shareWith: 'alice@platform.localhost',
      name: 'Photographs',
      resourceId: 'photographs',
      permission: 'read',
    });
    const recipient = `person-${alice.id}`;
    const offer = await eventually(
      'alice is invited',
      async () => (await act(DescribeIncoming).list({ recipient })).items[0],
    );
    expect(heard().events.at(-1)).toMatchObject({ type: 'share-invited', account: recipient, name: 'Photographs' });
    await act(AnswerOffer).acceptById(offer.id);
    await eventually('it is confirmed', async () => (await act(DescribeIncoming).byId(offer.id)).confirmed);
    const [protocol] = await act(GiveAccess).execute(offer.id);
    expect(protocol).toMatchObject({ name: 'pf_classic', options: { access_token: expect.any(String) } });

    await act(ForgetAccount).execute(recipient);
    expect((await act(DescribeIncoming).byId(offer.id)).state).toBe('left');
  });

  it('is refused like everybody else what nobody may share', async () => {
    const own = await act(Folders).add(alice.id + 1, 'Somebody else’s');
    const offer = {
      owner: `person-${alice.id}`,
      shareWith: bob,
      name: 'x',
      resourceId: own.id,
      permission: 'read' as const,
    };
    await expect(act(OfferShare).execute(offer)).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      details: { fields: [{ name: 'resourceId', message: 'NOT_FOUND' }] },
    });
  });
});
