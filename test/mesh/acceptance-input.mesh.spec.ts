import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { bodyOf, type Json, offer, randomName } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { TestCloud } from '../support/cloud.js';
import { cpuTimeUntil } from '../support/cpu-time.js';
import { fill, UNITS } from '../support/fill.js';
import { type CallOptions, type CallResult, keepAliveAgent } from '../support/hostile-peer.js';

/** Texts that mean something to whoever puts texts together instead of passing them on. */
const CLEVER = [
  "'",
  "x'; drop table federation.delivery; --",
  "' or 1=1 --",
  "'||pg_sleep(3)||'",
  "\\'; select pg_sleep(3); --",
  '$1',
  ':name',
  '%',
  '_',
  '*)(uid=*',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the text itself
  '${7*7}',
  '{{7*7}}',
  '<img src=x onerror=alert(1)>',
  '%0d%0aX-Injected: yes',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  'toString',
  'null',
];

/** Texts that are no single line, or no text at all. */
const BROKEN = [
  'a\r\nX-Injected: yes',
  'a\nb',
  'a\rb',
  'a\u0085b',
  'a\u2028b',
  'a\u2029b',
  'a\u001b[31mb',
  'a\u007fb',
  'a\u202egnp.exe',
  'a\u2066b',
  'a\u0000b',
  'a\ud800b',
  'a\udc00',
];

describe('texts from outside', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let bob: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    bob = await cloud.createAccount('bob');
    cloud.makeResource(bob, 'notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
  });
  afterAll(() => {
    for (const agent of Object.values(agents)) agent.destroy();
    return Promise.all([cloud?.stop(), peer?.stop()]);
  });

  /** Thousands of calls: as clients make them, on connections that stay. */
  const agents = { peer: keepAliveAgent(), host: keepAliveAgent() };
  const post = (path: string, body: unknown, headers?: Record<string, string>) =>
    peer.call({ method: 'POST', path, body, headers, agent: agents.peer });
  const get = (path: string) => peer.call({ path, agent: agents.peer });
  const api = (method: string, path: string, body?: unknown, options: CallOptions = {}) =>
    cloud.api(method, path, body, { ...options, agent: agents.host });

  /** JSON in which every character beyond ASCII is escaped: so half a surrogate pair can be sent at all. */
  const escaped = (body: object) =>
    JSON.stringify(body).replace(
      /[\u007f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );

  const fields = (answer: CallResult) => bodyOf(answer).validationErrors as { name: string; message: string }[];

  type Case = readonly [field: string, limit: number, send: (text: string) => Promise<CallResult>];
  const share = (field: string) => (text: string) => post('/shares', escaped(offer(peer, bob, { [field]: text })));
  const notify = (field: string) => (text: string) => post('/notifications', escaped({ type: 'HELLO', [field]: text }));
  const give = (field: string) => (text: string) => {
    const body = { owner: bob, shareWith: `x@${peer.host}`, name: 'n', resourceId: 'notes', permission: 'read' };
    return api('POST', '/api/v1/shares/outgoing', escaped({ ...body, [field]: text }), {
      headers: { 'content-type': 'application/json' },
    });
  };

  const LIMITED: readonly Case[] = [
    ['shareId', 255, share('shareId')],
    ['name', 255, share('name')],
    ['providerId', 255, share('providerId')],
    ['description', 2048, share('description')],
    ['shareId', 255, notify('shareId')],
    ['providerId', 255, notify('providerId')],
    ['name', 255, notify('name')],
    ['description', 2048, notify('description')],
    ['name', 255, give('name')],
    ['description', 2048, give('description')],
    ['label', 255, (label) => api('POST', '/admin/tokens', { role: 'host', label })],
    [
      'displayName',
      255,
      (displayName) => api('POST', '/api/v1/accounts', { username: `${randomName()}@${cloud.host}`, displayName }),
    ],
  ];

  it.each(LIMITED)(
    '%s: %i bytes are taken and stored, one more is refused, whatever they are',
    async (field, limit, send) => {
      for (const [units, unit] of UNITS) {
        const taken = await send(`${fill(unit, limit)}`);
        expect(taken.status, `${units}: ${taken.text}`).toBe(201);
        expect(bodyOf(taken)[field]).toBe(fill(unit, limit));
        const refused = await send(fill(unit, limit + 1));
        expect([refused.status, fields(refused)], units).toEqual([400, [{ name: field, message: 'TOO_LONG' }]]);
      }
    },
  );

  it('addresses: 320 bytes are an account and get shares, one more is nobody’s', async () => {
    for (const [, unit] of UNITS.slice(0, 2)) {
      const user = fill(unit, 320 - Buffer.byteLength(`@${cloud.host}`));
      const username = `${user}@${cloud.host}`;
      const created = await api('POST', '/api/v1/accounts', { username, displayName: 'x' });
      expect(created.status).toBe(201);
      expect((await post('/shares', offer(peer, username))).status).toBe(201);
      for (const field of ['shareWith', 'owner']) {
        const host = field === 'owner' ? peer.host : cloud.host;
        const longest = `${fill(unit, 320 - Buffer.byteLength(`@${host}`))}@${host}`;
        const fits = await post('/shares', offer(peer, username, { [field]: longest }));
        expect(fits.status, `${field} ${fits.text}`).toBe(201);
        const refused = await post('/shares', offer(peer, username, { [field]: `a${longest}` }));
        expect(refused.status).toBe(400);
        expect(fields(refused)).toEqual([{ name: field, message: 'TOO_LONG' }]);
      }
      const tooLong = await api('POST', '/api/v1/accounts', { username: `a${username}`, displayName: 'x' });
      expect(tooLong.status).toBe(400);
    }
  });

  it('messages: a thousand characters, of any size; the type of one: 255 bytes', async () => {
    for (const unit of ['a', '\u{1f600}', '\u20ac']) {
      expect((await notify('message')(unit.repeat(1_000))).status).toBe(201);
      expect((await notify('message')(unit.repeat(1_001))).status).toBe(400);
    }
    expect((await post('/notifications', { type: 't'.repeat(255) })).status).toBe(201);
    expect((await post('/notifications', { type: 't'.repeat(256) })).status).toBe(400);
  });

  it('options: 8 KiB as they are stored, in bytes', async () => {
    const sized = (bytes: number) => {
      const empty = Buffer.byteLength(JSON.stringify({ access_token: 'x', note: '' }));
      return {
        protocol: [{ name: 'pf_classic', options: { access_token: 'x', note: fill('\u{1f600}', bytes - empty) } }],
      };
    };
    expect((await post('/shares', offer(peer, bob, sized(8192)))).status).toBe(201);
    const refused = await post('/shares', offer(peer, bob, sized(8193)));
    expect([refused.status, fields(refused)]).toEqual([400, [{ name: 'protocol[0].options', message: 'TOO_LONG' }]]);
  });

  it('an Idempotency-Key: 255 visible characters, on both interfaces; two of them are none', async () => {
    for (const [key, status] of [
      [`${randomName()}${'k'.repeat(255)}`.slice(0, 255), 201],
      ['k'.repeat(256), 400],
      ['a\tb', 400],
      ['é', 400],
      ['a, b', 400],
    ] as const) {
      const headers = { 'idempotency-key': key };
      expect((await post('/notifications', { type: 'HELLO' }, headers)).status, key).toBe(status);
      const label = { owner: bob, shareWith: `x@${peer.host}`, name: 'n', resourceId: 'notes', permission: 'read' };
      expect((await api('POST', '/api/v1/shares/outgoing', label, { headers })).status, key).toBe(status);
    }
    for (const key of CLEVER.filter((text) => /^[\x21-\x7e]+$/.test(text))) {
      const answer = await post('/notifications', { type: 'HELLO' }, { 'idempotency-key': key });
      expect(answer.status, key).toBe(201);
    }
  });

  it('are kept and given back letter for letter, and mean nothing on the way', async () => {
    const started = performance.now();
    for (const text of CLEVER) {
      const named = { shareId: `${text}${randomName()}`, name: text, providerId: text, description: text };
      const answer = await post('/shares', offer(peer, bob, named));
      expect(answer.status, text).toBe(201);
      const read = await get(String(answer.headers.location));
      expect(bodyOf(read)).toMatchObject(named);
      const seen = await cloud.json('GET', `/api/v1/shares/incoming/${bodyOf(answer).id}`);
      expect(seen).toMatchObject({ shareId: named.shareId, name: text, description: text });
      const changed = await post('/notifications', {
        type: 'SHARE_UPDATED',
        shareId: named.shareId,
        name: `${text}!`,
        message: text,
      });
      expect([changed.status, bodyOf(changed).message]).toEqual([201, text]);
      expect((await cloud.json('GET', `/api/v1/shares/incoming/${bodyOf(answer).id}`)).name).toBe(`${text}!`);
      for (const path of ['shares', 'notifications']) {
        expect((await get(`/${path}/${encodeURIComponent(text)}`)).status, text).toBe(404);
      }
      for (const query of [
        'incoming?recipient=',
        'incoming?state=',
        'incoming?cursor=',
        'outgoing?owner=',
        'outgoing?limit=',
      ]) {
        const listed = await api('GET', `/api/v1/shares/${query}${encodeURIComponent(text)}`);
        if (listed.status === 200) expect(bodyOf(listed), query).toEqual({ items: [], next: null });
        else expect(listed.status, query).toBe(400);
      }
      for (const query of ['action', 'object', 'peer']) {
        const listed = await cloud.json<{ items: unknown[] }>(
          'GET',
          `/admin/audit?${query}=${encodeURIComponent(text)}`,
        );
        expect(listed.items, query).toEqual([]);
      }
    }
    // One sleep of theirs would take longer than all of it may.
    expect(performance.now() - started).toBeLessThan(CLEVER.length * 1_500);
    expect(await cloud.rows('select 1 as here from federation.delivery limit 1')).toHaveLength(1);
  }, 30_000);

  it('that are no line of text are refused where a line is wanted, and add no line to anything', async () => {
    for (const text of BROKEN) {
      for (const field of ['shareId', 'name', 'providerId', 'owner', 'shareWith', 'permission']) {
        const value =
          field === 'owner' ? `${text}@${peer.host}` : field === 'shareWith' ? `${text}@${cloud.host}` : text;
        const answer = await share(field)(value);
        expect(answer.status, `${field} ${JSON.stringify(text)}`).toBe(400);
        expect(answer.headers).not.toHaveProperty('x-injected');
      }
      for (const field of ['type', 'shareId', 'providerId', 'name', 'shareWith']) {
        expect((await notify(field)(text)).status, `${field} ${JSON.stringify(text)}`).toBe(400);
      }
      for (const field of ['name', 'resourceId', 'owner', 'shareWith', 'expiresAt']) {
        expect((await give(field)(text)).status, `${field} ${JSON.stringify(text)}`).toBe(400);
      }
    }
  }, 30_000);

  it('of several lines hold nothing but text', async () => {
    for (const text of ['a\u0000b', 'a\ud800b', 'a\u001bb', 'a\rb', 'a\u0085b', 'a\u007fb']) {
      for (const send of [share('description'), notify('message'), notify('description'), give('description')]) {
        expect((await send(text)).status, JSON.stringify(text)).toBe(400);
      }
    }
    const lines = 'one\ntwo\r\n\tthree';
    expect(bodyOf(await share('description')(lines)).description).toBe(lines);
  });

  const keys = (count: number) => Array.from({ length: count }, (_, at) => `"k${at}":0`).join(',');
  const BOMBS: readonly (readonly [string, string, number])[] = [
    ['brackets that open', '['.repeat(60_000), 400],
    ['braces that open', '{"a":'.repeat(12_000), 400],
    ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`, 400],
    ['1,001 keys', `{${keys(1_001)}}`, 400],
    ['1,000 keys, none of them known', `{${keys(1_000)}}`, 400],
    ['thousands of empty objects', `[${'{},'.repeat(20_000)}{}]`, 400],
    ['a key of 60,000 bytes', `{"${'k'.repeat(60_000)}":1}`, 400],
    ['a number of 60,000 digits', `{"expiration":${'9'.repeat(60_000)}}`, 400],
    ['a number beyond all', '{"expiration":1e400}', 400],
    ['backslashes', `{"name":"${'\\\\'.repeat(30_000)}"}`, 400],
    ['escapes', `{"name":"${'\\u0061'.repeat(10_000)}"}`, 400],
    ['twenty thousand protocols', `{"protocol":[${'{},'.repeat(20_000)}{}]}`, 400],
    ['a byte order mark', '\ufeff{}', 400],
    ['NaN', '{"expiration":NaN}', 400],
    ['one byte too many', `"${'x'.repeat(64 * 1024 - 1)}"`, 413],
    ['a megabyte of brackets', '['.repeat(1_000_000), 413],
  ];

  it.each(BOMBS)('that are made to be costly cost next to nothing: %s', async (_, body, status) => {
    const took: number[] = [];
    for (let nth = 0; nth < 3; nth += 1) {
      const ask = async () => {
        const answer = await post('/shares', body, { 'content-type': 'application/json' });
        expect(answer.status).toBe(status);
        expect(answer.text.length).toBeLessThan(20_000);
      };
      took.push(await cpuTimeUntil(ask));
    }
    // Of both ends of the connection, its handshake included.
    expect(Math.min(...took)).toBeLessThan(100);
  });

  describe('names of properties', () => {
    const nested = { prototype: { polluted: 'yes' }, polluted: 'yes' };

    it.each<[string, (body: Json) => string]>([
      ['at the top', (body) => `{"__proto__":{"polluted":1},${JSON.stringify(body).slice(1)}`],
      ['written with escapes', (body) => `{"\\u005f_proto__":{"polluted":1},${JSON.stringify(body).slice(1)}`],
      [
        'deep in the options',
        (body) => JSON.stringify(body).replace('"access_token"', '"__proto__":{},"access_token"'),
      ],
    ])('__proto__ is refused %s, by peers and by hosts', async (_, spell) => {
      const answer = await post('/shares', spell(offer(peer, bob)));
      expect([answer.status, fields(answer)]).toEqual([400, [{ name: 'body', message: 'FORBIDDEN_KEY' }]]);
      const own = { access_token: 'x', owner: bob };
      expect((await api('POST', '/api/v1/shares/outgoing', spell(own))).status).toBe(400);
    });

    it.each([
      'constructor',
      'prototype',
      'toString',
      'valueOf',
      'hasOwnProperty',
      'then',
      'toJSON',
      '__defineGetter__',
    ])('%s is a name like any other', async (name) => {
      const protocol = [{ name: 'pf_classic', options: { access_token: 'x', [name]: nested }, [name]: nested }];
      const answer = await post('/shares', offer(peer, bob, { [name]: nested, protocol }));
      expect(answer.status).toBe(201);
      expect(answer.text).not.toContain('polluted');
      const told = await post('/notifications', { type: name, [name]: nested, message: name });
      expect(told.status).toBe(name.startsWith('_') ? 400 : 201);
      const unknown = await api('POST', '/admin/tokens', { role: 'host', label: 'x', [name]: nested });
      expect([unknown.status, fields(unknown)]).toEqual([400, [{ name, message: 'UNKNOWN' }]]);
      expect((await api('POST', '/admin/tokens', { role: name, label: 'x' })).status).toBe(400);
      expect((await api('GET', `/api/v1/shares/incoming?state=${name}`)).status).toBe(400);
      const queried = await get(`/shares?${name}[polluted]=yes&__proto__[polluted]=yes&${name}.polluted=yes`);
      expect(queried.status).toBe(200);
    });

    it('reach no prototype', () => {
      expect(({} as Json).polluted).toBeUndefined();
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect((Object as unknown as Json).polluted).toBeUndefined();
    });
  });
});
