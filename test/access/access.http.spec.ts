import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalsPageDto } from '../../src/access/audit/refusal.dto.js';
import type { IssuedTokenDto, TokenPageDto } from '../../src/access/tokens/token.dto.js';
import { RefusalCounter } from '../../src/audit/refusal-counter.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { type AccessApp, type CallOptions, startAccessApp } from './access-app.js';

let database: FreshDatabase;
let server: AccessApp;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  server = await startAccessApp(database.url);
});

afterAll(async () => {
  await server.app.close();
  await client.end();
  await database.drop();
});

const call = (line: string, options?: CallOptions) => server.call(line, options);

async function issue(role: string, label = `a ${role}`): Promise<IssuedTokenDto> {
  const answer = await call('POST /admin/tokens', { body: { role, label } });
  expect(answer.status).toBe(201);
  return answer.json();
}

const REFUSED = { message: 'CLIENT_NOT_AUTHENTICATED' };
const NOT_ALLOWED = { message: 'NOT_ALLOWED' };

describe('the bootstrap token', () => {
  it('holds all roles', async () => {
    const actor = (kind: string) => ({ kind, id: 'bootstrap' });
    expect((await call('GET /operator-route')).json()).toEqual(actor('operator'));
    expect((await call('POST /operator-route')).json()).toEqual(actor('operator'));
    expect((await call('GET /host-route')).json()).toEqual(actor('host'));
  });
});

describe('who is let in', () => {
  it('is told by role', async () => {
    const tokens = { operator: await issue('operator'), host: await issue('host'), auditor: await issue('auditor') };
    const statuses: Record<string, number[]> = {};
    for (const [role, { token }] of Object.entries(tokens)) {
      statuses[role] = [];
      for (const line of ['GET /operator-route', 'HEAD /operator-route', 'POST /operator-route', 'GET /host-route']) {
        statuses[role].push((await call(line, { token })).status);
      }
    }
    expect(statuses).toEqual({
      operator: [200, 200, 201, 403],
      host: [403, 403, 403, 200],
      auditor: [200, 200, 403, 403],
    });
    expect((await call('POST /operator-route', { token: tokens.host.token })).json()).toEqual(NOT_ALLOWED);
    expect((await call('GET /host-route', { token: tokens.host.token })).json()).toEqual({
      kind: 'host',
      id: tokens.host.id,
    });
  });

  it.each<[string, CallOptions]>([
    ['no token', { token: null }],
    ['an unknown token', { token: `ent_${'A'.repeat(43)}` }],
    ['a token of another form', { token: 'A'.repeat(40) }],
    ['the beginning of the bootstrap token', { token: 'bootstrap-token-of-at-least-32-character' }],
    ['the token twice', { headers: ['Authorization', 'Bearer bootstrap-token-of-at-least-32-characters'] }],
    [
      'basic authentication',
      { token: null, headers: ['Authorization', 'Basic OmJvb3RzdHJhcC10b2tlbi1vZi1hdC1sZWFzdC0zMi1jaGFyYWN0ZXJz'] },
    ],
  ])('is nobody with %s', async (_, options) => {
    const answer = await call('GET /operator-route', options);
    expect(answer.status).toBe(401);
    expect(answer.json()).toEqual(REFUSED);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('is nobody with a token in the query', async () => {
    const line = 'GET /operator-route?access_token=bootstrap-token-of-at-least-32-characters';
    expect((await call(line, { token: null })).status).toBe(401);
  });

  it('is everybody where a route says so', async () => {
    expect(await call('GET /open-route', { token: null })).toMatchObject({ status: 200, text: 'hello' });
  });

  it('is asked before the body is judged', async () => {
    expect((await call('POST /admin/tokens', { token: null, body: 'no object' })).status).toBe(401);
  });

  it('counts the others by their network', async () => {
    await call('GET /operator-route', { token: null });
    await server.app.get(RefusalCounter).flush();
    const { rows } = await client.query(`select network from federation.audit_refusal where reason = 'no-valid-token'`);
    expect(rows).toEqual([{ network: '127.0.0.0/24' }]);
  });
});

describe('tokens', () => {
  it('are shown once and stored hashed', async () => {
    const issued = await issue('host', 'Ünïcode label');
    expect(issued).toEqual({
      id: expect.stringMatching(/^[\w-]{24}$/),
      role: 'host',
      label: 'Ünïcode label',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      token: expect.stringMatching(/^ent_[\w-]{43}$/),
    });
    const { rows } = await client.query('select * from federation.api_token where id = $1', [issued.id]);
    expect(rows[0].token_hash).toBe(createHash('sha256').update(issued.token).digest('base64url'));
    const { rows: everywhere } = await client.query(
      `select (select json_agg(t)::text from federation.api_token t) || (select json_agg(e)::text from federation.audit_entry e) as dump`,
    );
    expect(everywhere[0].dump).not.toContain(issued.token.slice(4, 20));
    expect((await call('GET /admin/tokens')).text).not.toContain(issued.token.slice(4, 20));
  });

  it('are listed page by page, newest first', async () => {
    const ids = [];
    for (let at = 0; at < 3; at++) ids.unshift((await issue('auditor')).id);
    const first = (await call('GET /admin/tokens?limit=2')).json<TokenPageDto>();
    const second = (await call(`GET /admin/tokens?limit=2&cursor=${first.next}`)).json<TokenPageDto>();
    expect([...first.items, ...second.items].slice(0, 3).map((token) => token.id)).toEqual(ids);
    expect(first.items[0]).toEqual({
      id: ids[0],
      role: 'auditor',
      label: 'a auditor',
      createdAt: expect.any(String),
      lastUsedAt: null,
      revokedAt: null,
    });
    const all = (await call('GET /admin/tokens?limit=200')).json<TokenPageDto>();
    expect(all.next).toBeNull();
    expect(all.items.length).toBeGreaterThan(3);
  });

  it.each([
    ['cursor=x', 'cursor'],
    ['cursor=', 'cursor'],
    ['cursor=a&cursor=b', 'cursor'],
    [`cursor=${Buffer.from('["2026-02-31T00:00:00.000000Z","a"]').toString('base64url')}`, 'cursor'],
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=1e2', 'limit'],
  ])('are not listed for %s', async (query, name) => {
    const answer = await call(`GET /admin/tokens?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.json()).toEqual({ message: 'VALIDATION_FAILED', validationErrors: [{ name, message: 'INVALID' }] });
  });

  it('end when they are revoked, and revoking twice is no error', async () => {
    const { id, token } = await issue('host');
    expect((await call('GET /host-route', { token })).status).toBe(200);
    expect((await call(`DELETE /admin/tokens/${id}`)).status).toBe(204);
    expect((await call('GET /host-route', { token })).status).toBe(401);
    expect((await call(`DELETE /admin/tokens/${id}`)).status).toBe(204);
    const entries = await client.query(
      'select action, actor from federation.audit_entry where object = $1 order by at',
      [`token:${id}`],
    );
    expect(entries.rows).toEqual([
      { action: 'token.issued', actor: 'bootstrap' },
      { action: 'token.revoked', actor: 'bootstrap' },
    ]);
  });

  it.each(['nobody', 'a%20b', 'x'.repeat(65)])('that never were cannot be revoked: %s', async (id) => {
    const answer = await call(`DELETE /admin/tokens/${id}`);
    expect([answer.status, answer.json()]).toEqual([404, { message: 'RESOURCE_NOT_FOUND' }]);
  });

  it.each<[object, object[]]>([
    [
      {},
      [
        { name: 'role', message: 'REQUIRED' },
        { name: 'label', message: 'REQUIRED' },
      ],
    ],
    [{ role: 'admin', label: 'x' }, [{ name: 'role', message: 'INVALID' }]],
    [{ role: 'host', label: ' ' }, [{ name: 'label', message: 'INVALID' }]],
    [{ role: 'host', label: 'ä'.repeat(128) }, [{ name: 'label', message: 'TOO_LONG' }]],
    [{ role: 'host', label: 'x', token: 'mine' }, [{ name: 'token', message: 'UNKNOWN' }]],
  ])('are not issued for %j', async (body, validationErrors) => {
    const answer = await call('POST /admin/tokens', { body });
    expect([answer.status, answer.json()]).toEqual([400, { message: 'VALIDATION_FAILED', validationErrors }]);
  });

  it('note when they were last used, to the minute', async () => {
    const { id, token } = await issue('host');
    const used = async () => {
      await call('GET /host-route', { token });
      const { rows } = await client.query('select last_used_at from federation.api_token where id = $1', [id]);
      return rows[0].last_used_at as Date;
    };
    const first = await used();
    expect(Math.abs(Date.now() - first.getTime())).toBeLessThan(5_000);
    expect(await used()).toEqual(first);
    await client.query(`update federation.api_token set last_used_at = now() - interval '61 seconds' where id = $1`, [
      id,
    ]);
    expect((await used()).getTime()).toBeGreaterThan(first.getTime());
  });
});

describe('the audit routes', () => {
  it('search the trail', async () => {
    const { id } = await issue('auditor', 'for the search');
    const answer = await call(`GET /admin/audit?object=token:${id}`);
    expect(answer.json()).toMatchObject({
      items: [
        {
          action: 'token.issued',
          actorKind: 'operator',
          actor: 'bootstrap',
          details: { role: 'auditor', label: 'for the search' },
        },
      ],
      next: null,
    });
    expect((await call('GET /admin/audit?action=token.revoked&peer=nobody')).json()).toEqual({ items: [], next: null });
  });

  it.each(['action=', 'object=a&object=b', 'peer=%00'])('refuse %s', async (query) => {
    expect((await call(`GET /admin/audit?${query}`)).status).toBe(400);
  });

  it('list what callers were refused for, newest hour first, page by page, for auditors too', async () => {
    const { token } = await issue('auditor');
    await server.app.get(RefusalCounter).flush();
    await client.query('truncate federation.audit_refusal');
    await client.query(
      `insert into federation.audit_refusal (reason, network, hour, count) values
         ('unknown', '192.0.2.0/24', '2026-01-01 10:00Z', 3), ('expired', '2001:db8:0:1::/64', '2026-01-01 11:00Z', 5000000000),
         ('unknown', '*', '2026-01-01 11:00Z', 2)`,
    );
    const first = (await call('GET /admin/audit/refusals?limit=2', { token })).json<RefusalsPageDto>();
    expect(first.items).toEqual([
      { reason: 'unknown', network: '*', hour: '2026-01-01T11:00:00.000000Z', count: 2 },
      { reason: 'expired', network: '2001:db8:0:1::/64', hour: '2026-01-01T11:00:00.000000Z', count: 5_000_000_000 },
    ]);
    const second = await call(`GET /admin/audit/refusals?limit=2&cursor=${first.next}`, { token });
    expect(second.json()).toEqual({
      items: [{ reason: 'unknown', network: '192.0.2.0/24', hour: '2026-01-01T10:00:00.000000Z', count: 3 }],
      next: null,
    });
    const { token: host } = await issue('host');
    expect((await call('GET /admin/audit/refusals', { token: host })).status).toBe(403);
    expect((await call('GET /admin/audit/refusals?cursor=x', { token })).status).toBe(400);
  });

  it('verify the chain, for auditors too', async () => {
    const { token } = await issue('auditor');
    const answer = await call('GET /admin/audit/verify', { token });
    expect(answer.json()).toEqual({
      verdict: 'intact',
      length: expect.any(Number),
      unsealed: expect.any(Number),
      // The word that the chain begins with, as long as nothing is sealed.
      head: expect.stringMatching(/^(?:[\w-]{43}|entente-audit-chain-1)$/),
    });
  });
});

describe('two clouds in one process', () => {
  it('know their own tokens only', async () => {
    const otherDatabase = await freshDatabase();
    const other = await startAccessApp(otherDatabase.url);
    const { token } = await issue('host');
    expect((await call('GET /host-route', { token })).status).toBe(200);
    expect((await other.call('GET /host-route', { token })).status).toBe(401);
    await other.app.close();
    await otherDatabase.drop();
  });
});
