import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { hash, verify } from '@node-rs/argon2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Transactions } from '../../../../src/index.js';
import { CertificateAuthority } from '../../../../src/transport/certificates.js';
import { ADMIN_TOKEN, eventually, TestCloud } from '../../../support/cloud.js';

const MANY = 3_000;

type Line = Record<string, unknown>;
interface Report {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly refused: { line: number; message: string; validationErrors: { name: string; message: string }[] }[];
}

let authority: CertificateAuthority;
let cloud: TestCloud;
let someHash: string;

beforeAll(async () => {
  authority = await CertificateAuthority.create('Test CA');
  cloud = await TestCloud.start({ name: 'cloud1', authority });
  someHash = await hash('correct horse', { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
});
afterAll(() => cloud?.stop());
const forgetEverybody = () => cloud.rows('delete from federation.account');

const person = (name: string, more: Line = {}): Line => ({
  username: `${name}@cloud1.localhost`,
  displayName: name,
  ...more,
});
const ndjson = (lines: readonly Line[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('');

async function send(lines: readonly Line[] | string, headers: Record<string, string> = {}) {
  const text = typeof lines === 'string' ? lines : ndjson(lines);
  const type = { 'content-type': 'application/x-ndjson' };
  return cloud.api('POST', '/api/v1/accounts/import', text, { headers: { ...type, ...headers } });
}

async function imported(lines: readonly Line[] | string, headers?: Record<string, string>): Promise<Report> {
  const answer = await send(lines, headers);
  expect(answer.status, answer.text).toBe(200);
  return answer.json as Report;
}

async function exported(method = 'GET', path = '/api/v1/accounts/export'): Promise<Line[]> {
  const answer = await cloud.api(method, path);
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers['content-type']).toBe('application/x-ndjson');
  return linesOf(answer.text);
}

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}

const withHashes = () => exported('POST', '/admin/accounts/export');
const audited = (action: string) =>
  cloud.rows<{ object: string; details: Line }>(
    'select object, details from federation.audit_entry where action = $1',
    action,
  );

async function token(role: string): Promise<string> {
  return (await cloud.json<{ token: string }>('POST', '/admin/tokens', { role, label: role })).token;
}

describe('an import', () => {
  beforeEach(forgetEverybody);

  it('adds accounts that the directory finds, and audits each', async () => {
    const before = (await audited('account.created')).length;
    const report = await imported([person('alice', { emails: ['a@Example.org'] }), person('bob')]);

    expect(report).toEqual({ created: 2, changed: 0, unchanged: 0, refused: [] });
    const { items } = await cloud.json<{ items: Line[] }>('GET', '/api/v1/accounts');
    expect(items.map(({ username, emails }) => [username, emails])).toEqual(
      expect.arrayContaining([
        ['alice@cloud1.localhost', ['a@example.org']],
        ['bob@cloud1.localhost', []],
      ]),
    );
    expect(await audited('account.created')).toHaveLength(before + 2);
  });

  it('changes what a line gives of an account that is there, and never its id', async () => {
    await imported([person('alice', { emails: ['a@example.org'], passwordHash: someHash })]);
    const [before] = await withHashes();
    const report = await imported([{ ...person('alice', { id: 'another', emails: [] }), displayName: 'Alice A.' }]);

    expect(report).toMatchObject({ created: 0, changed: 1 });
    expect(await withHashes()).toEqual([{ ...before, displayName: 'Alice A.', emails: [] }]);
  });

  it('keeps refused lines out, says why, and lets the others in', async () => {
    await imported([person('alice', { emails: ['a@example.org'] })]);
    const lines = [
      person('bob'),
      { username: 'bob' },
      { ...person('carol'), username: 'carol@elsewhere.example' },
      person('carol', { emails: ['fine@example.org', 'a@example.org'] }),
      person('carol', { emails: ['nonsense'] }),
      person('carol'),
    ];
    expect(await imported(`${ndjson(lines)}not JSON\n`)).toEqual({
      created: 2,
      changed: 0,
      unchanged: 0,
      refused: [
        { line: 2, message: 'VALIDATION_FAILED', validationErrors: [{ name: 'displayName', message: 'REQUIRED' }] },
        { line: 3, message: 'VALIDATION_FAILED', validationErrors: [{ name: 'username', message: 'DOMAIN_NOT_OURS' }] },
        { line: 4, message: 'VALIDATION_FAILED', validationErrors: [{ name: 'emails[1]', message: 'TAKEN' }] },
        { line: 5, message: 'VALIDATION_FAILED', validationErrors: [{ name: 'emails[0]', message: 'INVALID' }] },
        { line: 7, message: 'VALIDATION_FAILED', validationErrors: [{ name: 'body', message: 'INVALID_JSON' }] },
      ],
    });
  });

  it('hashes passwords, and knows one that is there already', async () => {
    const lines = [person('alice', { password: 'correct horse' }), person('bob', { passwordHash: someHash })];
    expect(await imported(lines)).toMatchObject({ created: 2 });
    expect(await imported(lines)).toMatchObject({ created: 0, changed: 0, unchanged: 2 });
    expect(await imported([person('alice', { password: 'battery staple' })])).toMatchObject({ changed: 1 });

    const [alice, bob] = (await withHashes()).sort((a, b) => String(a.username).localeCompare(String(b.username)));
    expect(await verify(String(alice?.passwordHash), 'battery staple')).toBe(true);
    expect(bob?.passwordHash).toBe(someHash);
  });

  it('has one effect and one report for each Idempotency-Key', async () => {
    const headers = { 'idempotency-key': randomBytes(9).toString('hex') };
    const first = await imported([person('alice')], headers);
    await cloud.rows('delete from federation.account');

    expect(await imported([person('alice')], headers)).toEqual(first);
    expect(await exported()).toEqual([]);
    expect((await send([person('bob')], headers)).status).toBe(409);
  });

  it('takes 64 KiB of lines and no more', async () => {
    const wide = Array.from({ length: 70 }, (_, at) => person(`p${at}`, { emails: manyEmails(at) }));
    expect(ndjson(wide).length).toBeGreaterThan(65_536);
    expect((await send(wide)).status).toBe(413);
    expect((await send('x\n'.repeat(1_001))).json).toEqual({
      message: 'VALIDATION_FAILED',
      validationErrors: [{ name: 'body', message: 'TOO_MANY_LINES' }],
    });
    expect((await cloud.api('POST', '/api/v1/accounts/import', [person('x')])).status).toBe(415);
  });

  it('by many at once gives every address to one account', async () => {
    const files = Array.from({ length: 8 }, (_, file) =>
      Array.from({ length: 40 }, (_, at) => person(`p${(at * (file + 1)) % 40}`, { emails: [`e${at}@example.org`] })),
    );
    const reports = await Promise.all(files.map((lines) => imported(lines)));
    const lines = reports.map(
      ({ created, changed, unchanged, refused }) => created + changed + unchanged + refused.length,
    );

    expect(lines).toEqual(files.map(() => 40));
    const found = await exported();
    const addresses = found.flatMap(({ username, emails }) => [username, ...(emails as string[])]);
    expect(new Set(addresses).size).toBe(addresses.length);
    expect(reports.reduce((sum, { created }) => sum + created, 0)).toBe(found.length);
  });
});

function manyEmails(of: number): string[] {
  return Array.from({ length: 20 }, (_, at) => `person-${of}-address-${at}-of-twenty@mail.example.org`);
}

describe('an export', () => {
  beforeEach(forgetEverybody);

  const fill = async () => {
    const everybody = Array.from({ length: MANY }, (_, at) => person(`p${at}`, { emails: [`p${at}@example.org`] }));
    for (let from = 0; from < MANY; from += 500) await imported(everybody.slice(from, from + 500));
    return everybody.map(({ username }) => String(username)).sort();
  };

  it('tells of everybody once, and an import of it changes nothing', async () => {
    const usernames = await fill();
    const lines = await exported();

    expect(lines.map(({ username }) => String(username)).sort()).toEqual(usernames);
    expect(Object.keys(lines[0] ?? {})).toEqual(['id', 'username', 'displayName', 'emails', 'createdAt']);
    for (let from = 0; from < MANY; from += 300) {
      expect(await imported(lines.slice(from, from + 300))).toMatchObject({ unchanged: 300, refused: [] });
    }
  });

  it('says how many there are, and leaves an entry in the trail', async () => {
    await imported([person('alice'), person('bob')]);
    const answer = await cloud.api('GET', '/api/v1/accounts/export');

    expect(answer.headers['x-account-count']).toBe('2');
    expect((await audited('account.exported')).at(-1)?.details).toEqual({ total: 2, passwordHashes: false });
    await withHashes();
    expect((await audited('account.exported')).at(-1)?.details).toEqual({ total: 2, passwordHashes: true });
  });

  it('tells hashes of passwords to operators alone', async () => {
    await imported([person('alice', { passwordHash: someHash }), person('bob')]);
    const [host, auditor, operator] = await Promise.all(['host', 'auditor', 'operator'].map(token));
    const as = (bearer: string | undefined, method: string, path: string) =>
      cloud.api(method, path, undefined, { headers: { authorization: `Bearer ${bearer}` } });

    expect((await as(host, 'GET', '/api/v1/accounts/export')).text).not.toContain('argon2');
    expect((await as(host, 'POST', '/admin/accounts/export')).status).toBe(403);
    expect((await as(auditor, 'POST', '/admin/accounts/export')).status).toBe(403);
    expect((await as(auditor, 'GET', '/admin/accounts/export')).status).toBe(404);
    expect((await as(operator, 'POST', '/admin/accounts/export')).text).toContain(someHash);
  });

  it('of nobody is empty', async () => {
    expect(await exported()).toEqual([]);
  });
});

describe('an export of more than connections hold', () => {
  const SIZE = 40_000;
  /** How often the next accounts were read from the table. */
  let batches: number;

  beforeAll(async () => {
    await forgetEverybody();
    await cloud.rows(
      `insert into federation.account (id, username, display_name)
       select md5(n::text), 'p' || n || '@cloud1.localhost', repeat('x', 250) from generate_series(1, $1::int) n`,
      SIZE,
    );
  });
  beforeEach(() => {
    batches = 0;
    const transactions = cloud.get(Transactions);
    const query = transactions.query.bind(transactions);
    vi.spyOn(transactions, 'query').mockImplementation((sql: string, parameters?: unknown[]) => {
      if (sql.includes('a.id > $1')) batches++;
      return query(sql, parameters);
    });
  });
  afterEach(() => vi.restoreAllMocks());

  /** Until nothing more is read for a while. */
  const standstill = () =>
    eventually('nothing is read any more', async () => {
      const before = batches;
      await pause(150);
      return batches > 0 && batches === before;
    });

  it('reads no further than its reader does, and nothing more once that is gone', async () => {
    const answer = await open('/api/v1/accounts/export');
    await standstill();
    expect(batches).toBeLessThan(SIZE / 500);
    const read = batches;

    answer.destroy();
    await pause(150);
    expect(batches).toBeLessThanOrEqual(read + 1);
  });

  it('is cut, and never looks whole, when the database fails in the middle', async () => {
    const answer = await open('/api/v1/accounts/export');
    await standstill();
    await cloud.rows('alter table federation.account rename to gone');
    try {
      await expect(answer.toArray()).rejects.toThrow();
      expect(answer.complete).toBe(false);
    } finally {
      await cloud.rows('alter table federation.gone rename to account');
    }
  });

  it('misses nobody who is there all along, while others come and go', async () => {
    const answer = await open('/api/v1/accounts/export');
    await standstill();
    const gone = await cloud.rows<{ username: string }>(
      `delete from federation.account where right(id, 1) = '7' returning username`,
    );
    for (let round = 0; round < 4; round++) {
      await imported(Array.from({ length: 200 }, (_, at) => person(`new${round}-${at}`)));
    }
    const found = linesOf(Buffer.concat(await answer.toArray()).toString()).map(({ username }) => String(username));

    const known = new Set(found);
    const left = new Set(gone.map(({ username }) => username));
    const stayed = Array.from({ length: SIZE }, (_, at) => `p${at + 1}@cloud1.localhost`).filter((at) => !left.has(at));
    expect(known.size).toBe(found.length);
    expect(stayed.filter((username) => !known.has(username))).toEqual([]);
    expect(left.size).toBeGreaterThan(1_000);
  });

  it('comes to its end while the server stops', async () => {
    const answer = await open('/api/v1/accounts/export');
    await standstill();
    const stopped = cloud.down();
    const lines = linesOf(Buffer.concat(await answer.toArray()).toString());
    await stopped;

    expect(answer.complete).toBe(true);
    expect(lines.length).toBeGreaterThan(SIZE * 0.9);
    await cloud.up();
  });
});

async function open(path: string) {
  const outgoing = request(new URL(path, cloud.origin), {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    lookup: (_host, options, done) =>
      options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
    ca: authority.certificate,
    agent: new Agent(),
  });
  outgoing.end();
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  return answer;
}
