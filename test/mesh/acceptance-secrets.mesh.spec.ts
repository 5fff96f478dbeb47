import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { bodyOf, everyText, type Json, offer, randomName } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { ADMIN_TOKEN, eventually, TestCloud } from '../support/cloud.js';
import { type CallOptions, type CallResult, call } from '../support/hostile-peer.js';

/** Begins every secret of this test, whoever sends it and however it is refused. */
const CANARY = 'canary-7Qm';

describe('secrets that meet every failure', () => {
  const lines: string[] = [];
  const answers: { readonly what: string; readonly answer: CallResult }[] = [];
  const given: string[] = [];
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let bob: string;
  let nth = 0;

  const secret = () => {
    nth += 1;
    return `${CANARY}-${nth}-${randomName()}`;
  };
  const protocolWith = (access_token: unknown, more: Json = {}) => [
    { name: 'pf_classic', options: { access_token, refresh_token: secret(), password: secret(), ...more } },
  ];

  async function told(what: string, wanted: number, answer: Promise<CallResult>): Promise<CallResult> {
    const got = await answer;
    expect(got.status, `${what}: ${got.text}`).toBe(wanted);
    answers.push({ what, answer: got });
    return got;
  }

  const offered = (what: string, status: number, more: Json = {}) =>
    told(what, status, peer.post('/shares', offer(peer, bob, { protocol: protocolWith(secret()), ...more })));
  const raw = (what: string, status: number, body: string, headers: Record<string, string> = {}) =>
    told(what, status, peer.post('/shares', body, { 'content-type': 'application/json', ...headers }));
  const operator = (
    what: string,
    status: number,
    method: string,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ) => told(what, status, cloud.api(method, path, body, options));

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority, onLog: (line) => void lines.push(line) });
    bob = await cloud.createAccount('bob');
    cloud.makeResource(bob, 'notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    await refusedOffers();
    await refusedCredentials();
    await badAnswers();
    await failuresOfOurOwn();
  }, 60_000);
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

  /** What a peer offers reaches us with a credential in it, and is refused for every reason there is. */
  async function refusedOffers(): Promise<void> {
    await offered('an owner of somebody else', 403, { owner: `alice@elsewhere.example` });
    await offered('nobody', 400, { shareWith: `nobody@${cloud.host}` });
    await offered('a broken field', 400, { name: '' });
    await offered('a uri elsewhere', 400, {
      protocol: protocolWith(secret(), { uri: `https://evil.example/${secret()}` }),
    });
    await offered('a token that is no line', 400, { protocol: protocolWith(`${secret()}\n`) });
    await offered('a token that is no text', 400, { protocol: protocolWith([secret()]) });
    await offered('options beyond measure', 400, { protocol: protocolWith(secret().repeat(400)) });
    await offered('an unknown protocol', 501, { protocol: [{ name: 'smb', options: { password: secret() } }] });
    await offered('a permission nobody knows', 400, { permission: secret() });
    const shareId = randomName();
    await offered('one that is good', 201, { shareId });
    await offered('the same, otherwise', 409, { shareId });
    await peer.post('/notifications', { type: 'SHARE_UNSHARED', shareId: `${shareId}-2` });
    await offered('one withdrawn before', 409, { shareId: `${shareId}-2` });
    const key = { 'idempotency-key': randomName() };
    await told('a key', 201, peer.post('/shares', offer(peer, bob, { protocol: protocolWith(secret()) }), key));
    await told(
      'its second use',
      409,
      peer.post('/shares', offer(peer, bob, { protocol: protocolWith(secret()) }), key),
    );
    const body = (text: string) => JSON.stringify({ access_token: secret(), password: secret() }).replace('}', text);
    await raw('broken JSON', 400, body(''));
    await raw('a duplicate key', 400, body(`,"password":"${secret()}"}`));
    await raw('half a character', 400, body(`,"${secret()}":"\\ud800"}`));
    await raw('a forbidden key', 400, body(`,"__proto__":"${secret()}"}`));
    await raw('another type', 415, body('}'), { 'content-type': `text/plain; token=${secret()}` });
    await raw('something compressed', 415, body('}'), { 'content-encoding': secret() });
    await raw('far too much', 413, secret().repeat(5_000));
    await told(
      'a message',
      201,
      peer.post('/notifications', { type: 'HELLO', token: secret(), options: { x: secret() } }),
    );
  }

  /** Credentials in the wrong place, or that are none. */
  async function refusedCredentials(): Promise<void> {
    const headers = () => ({
      authorization: `Bearer ${secret()}`,
      cookie: `session=${secret()}`,
      'proxy-authorization': `Basic ${secret()}`,
      'client-cert': secret(),
      'x-api-key': secret(),
      'x-request-id': secret(),
      referer: `https://x.example/?token=${secret()}`,
      'user-agent': secret(),
    });
    const anyone = (path: string, options: CallOptions = {}) =>
      call(cloud.origin, { path, headers: headers(), ...options });
    for (const path of ['/admin/self', '/api/v1/accounts', '/shares', `/shares/${secret()}`]) {
      await told(`a stranger at ${path}`, 401, anyone(path));
      await told(
        `a stranger with a query at ${path}`,
        401,
        anyone(`${path}?access_token=${secret()}&token=${secret()}`),
      );
    }
    await told('an address that nobody has', 404, anyone(`/nowhere?token=${secret()}`));
    await told('an address that is none', 400, anyone(`/%ff?token=${secret()}`));
    await told(
      'a host that is not ours',
      421,
      anyone('/shares', { headers: { ...headers(), host: `${secret()}.example` } }),
    );
    await told(
      'a peer with tokens',
      404,
      peer.call({ path: `/shares/${secret()}?token=${secret()}`, headers: headers() }),
    );
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    await operator('a token of nobody', 200, 'POST', '/api/v1/access/introspect', `token=${secret()}`, form);
    await operator('a form without', 400, 'POST', '/api/v1/access/introspect', `tokens=${secret()}`, form);
    await operator(
      'a token twice',
      400,
      'POST',
      '/api/v1/access/introspect',
      `token=${secret()}&token=${secret()}`,
      form,
    );
    await operator('a form as JSON', 415, 'POST', '/api/v1/access/introspect', { token: secret() });
    const account = { username: `carol@${cloud.host}`, displayName: 'Carol', password: secret() };
    await operator('an account', 201, 'POST', '/api/v1/accounts', account);
    await operator('an account twice', 409, 'POST', '/api/v1/accounts', { ...account, password: secret() });
    await operator('a password as a list', 400, 'POST', '/api/v1/accounts', { ...account, password: [secret()] });
    await operator('an unknown field', 400, 'POST', '/api/v1/accounts', { ...account, secretWord: secret() });
    await operator('a broken code', 400, 'POST', '/admin/services', { url: `https://x:${secret()}@cloud9.localhost` });
    const stranger = { ...{ origin: peer.server.origin, endpoint: peer.server.origin, displayName: 'x' }, domains: [] };
    const code = `${secret()}-0123456789`.replaceAll(/[^\w-]/g, '');
    for (const path of ['trust-confirmations', 'trust-requests']) {
      const said = { ...stranger, code, version: '1', decision: 'accepted' };
      answers.push({ what: path, answer: await peer.post(`/federation/${path}`, said) });
    }
  }

  /** Tokens of ours, and a peer that throws them back at us in all that it may answer. */
  async function badAnswers(): Promise<void> {
    const echo = (status: number) =>
      peer.answers(({ body }) => {
        const { protocol } = JSON.parse(body || '{}') as { protocol?: { options: { access_token: string } }[] };
        const token = protocol?.[0]?.options.access_token ?? '';
        if (token) given.push(token);
        const said = { message: token, error: body, name: token, access_token: token, protocol };
        const validationErrors = [{ name: token, message: 'INVALID' }];
        const headers = { 'x-token': token, location: `/shares/${token}`, 'set-cookie': token, 'retry-after': token };
        return { kind: 'json', status, body: { ...said, validationErrors, id: 'remote' }, headers };
      });
    for (const status of [201, 400, 403, 404, 409, 500, 503, 302]) {
      echo(status);
      const before = given.length;
      const shareWith = `carol-${status}@${peer.host}`;
      const share = { owner: bob, shareWith, name: 'Notes', resourceId: 'notes', permission: 'read' };
      const made = await operator(`a share answered ${status}`, 201, 'POST', '/api/v1/shares/outgoing', share);
      await eventually('it was offered', async () => given.length > before);
      const { id } = bodyOf(made);
      await eventually('its answer was taken', async () => {
        const seen = await cloud.json<{ delivery: { attempts: number; state: string } }>(
          'GET',
          `/api/v1/shares/outgoing/${id}`,
        );
        return seen.delivery.attempts > 0 && (status >= 500 || status === 302 || seen.delivery.state !== 'waiting');
      });
      await operator(`what is told of ${status}`, 200, 'GET', `/api/v1/shares/outgoing/${id}`);
    }
    for (const kind of ['garbage', 'close-before-answer', 'reset-mid-body'] as const) {
      peer.answers(({ body }) => {
        const { protocol } = JSON.parse(body || '{}') as { protocol?: { options: { access_token: string } }[] };
        given.push(...(protocol ?? []).map(({ options }) => options.access_token));
        return { kind };
      });
      const before = given.length;
      const share = { owner: bob, shareWith: `carol-${kind}@${peer.host}`, name: 'Notes', resourceId: 'notes' };
      await operator(kind, 201, 'POST', '/api/v1/shares/outgoing', { ...share, permission: 'read' });
      await eventually('it was offered', async () => given.length > before);
    }
    peer.answers({ kind: 'json', status: 201, body: {} });
  }

  /** The database refuses, and says which row it refuses; a sealed secret does not open. */
  async function failuresOfOurOwn(): Promise<void> {
    await cloud.rows(
      `create function federation.fail() returns trigger language plpgsql as $$
       begin raise exception 'no: %', new using detail = new::text, hint = new::text; end $$`,
    );
    const tables = ['incoming_share', 'received_notification', 'account', 'api_token', 'delivery', 'audit_entry'];
    for (const table of tables) {
      await cloud.rows(
        `create trigger fail before insert on federation.${table} for each row execute function federation.fail()`,
      );
      const account = { username: `${randomName()}@${cloud.host}`, displayName: 'X', password: secret() };
      const share = { owner: bob, shareWith: `carol@${peer.host}`, name: 'n', resourceId: 'notes', permission: 'read' };
      const tries = [
        peer.post('/shares', offer(peer, bob, { protocol: protocolWith(secret()) })),
        peer.post('/notifications', { type: 'HELLO', token: secret() }),
        cloud.api('POST', '/api/v1/accounts', account),
        cloud.api('POST', '/api/v1/shares/outgoing', share),
      ];
      const got = await Promise.all(tries);
      expect(got.filter(({ status }) => status === 500).length, table).toBeGreaterThan(table === 'api_token' ? -1 : 0);
      answers.push(...got.map((answer) => ({ what: `${table} fails`, answer })));
      if (table === 'api_token') await operator('no token', 500, 'POST', '/admin/tokens', { role: 'host', label: 'x' });
      await cloud.rows(`drop trigger fail on federation.${table}`);
    }
    const [accepted] = await cloud.rows<{ id: string }>(
      `update federation.incoming_share set state = 'accepted', confirmed = true, protocols_sealed = 's1.' || $1
       where id = (select id from federation.incoming_share where state = 'pending' limit 1) returning id`,
      Buffer.from('x'.repeat(60)).toString('base64url'),
    );
    await operator('what does not open', 500, 'GET', `/api/v1/shares/incoming/${accepted?.id}/access`);
    await cloud.rows('alter table federation.incoming_share alter column offer_digest type int using 0');
    await offered('a column of another type', 500);
    await cloud.rows(`alter table federation.incoming_share alter column offer_digest type text using 'x'`);
  }

  it('were many, and of every kind', () => {
    expect(nth).toBeGreaterThan(150);
    expect(new Set(given).size).toBe(11);
    expect(given.every((token) => /^[\w-]{43}$/.test(token))).toBe(true);
    const statuses = new Set(answers.map(({ answer }) => answer.status));
    expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 400, 401, 403, 404, 409, 413, 415, 421, 500, 501]));
  });

  it('are in no line of the log, however much it is told to say', () => {
    expect(lines.filter((line) => line.includes('"level":20')).length).toBeGreaterThan(20);
    expect(lines.some((line) => line.includes('answered 500'))).toBe(true);
    expect(lines.filter((line) => holdsSecret(line)).map((line) => line.slice(0, 400))).toEqual([]);
  });

  it('are in no answer: neither in its body, nor in a header', () => {
    const leaking = answers.filter(({ answer }) => holdsSecret(answer.text + JSON.stringify(answer.headers)));
    expect(leaking.map(({ what, answer }) => `${what}: ${answer.text}`)).toEqual([]);
    const failed = answers.filter(({ answer }) => answer.status === 500).map(({ answer }) => answer.text);
    expect(new Set(failed)).toEqual(new Set(['{"message":"INTERNAL_ERROR"}']));
  });

  it('are in no list, no audit entry and no description of anything', async () => {
    for (const path of ['/shares', '/notifications']) {
      for (let page = 1; page <= 2; page += 1)
        expect(holdsSecret((await peer.get(`${path}?page=${page}`)).text)).toBe(false);
    }
    for (const path of [
      '/admin/audit?limit=200',
      '/admin/services',
      '/admin/tokens',
      '/admin/self',
      '/api/v1/accounts',
      '/api/v1/shares/incoming?limit=200',
      '/api/v1/shares/outgoing?limit=200',
      '/docs-json',
    ]) {
      const answer = await cloud.api('GET', path);
      expect(answer.status).toBe(200);
      expect(holdsSecret(answer.text), path).toBe(false);
    }
  });

  it('lie readable in no column of the database', async () => {
    const found = (await everyText(cloud)).filter(({ content }) => holdsSecret(content));
    expect(found.map(({ place, content }) => `${place}: ${content.slice(0, 200)}`)).toEqual([]);
  });

  it('went to the peer in the body of an offer alone: never in an address, never in a header', () => {
    for (const { path, headers } of peer.server.requests) {
      expect(given.filter((token) => `${path} ${JSON.stringify(headers)}`.includes(token))).toEqual([]);
      expect(headers).not.toHaveProperty('authorization');
      expect(headers).not.toHaveProperty('cookie');
    }
  });

  function holdsSecret(text: string): boolean {
    return [CANARY, ADMIN_TOKEN, 'PRIVATE KEY', ...given].some((each) => text.includes(each));
  }
});
