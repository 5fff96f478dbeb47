import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AccountDirectory, Transactions } from '../../../src/index.js';
import { ListAccounts } from '../../../src/standalone/accounts/list-accounts.js';
import { CertificateAuthority } from '../../../src/transport/certificates.js';
import { TestCloud } from '../../support/cloud.js';

interface Account {
  readonly id: string;
  readonly username: string;
  readonly emails: string[];
}

let cloud: TestCloud;

beforeAll(async () => {
  const authority = await CertificateAuthority.create('Test CA');
  cloud = await TestCloud.start({ name: 'cloud1', authority });
});
afterAll(() => cloud?.stop());
beforeEach(() => cloud.rows('delete from federation.account'));

const at = (name: string) => `${name}@cloud1.localhost`;
const create = (name: string, more: object = {}, key?: string) =>
  cloud.api(
    'POST',
    '/api/v1/accounts',
    { username: at(name), displayName: name, ...more },
    key === undefined ? {} : { headers: { 'idempotency-key': key } },
  );
const change = (id: string, body: object) => cloud.api('PATCH', `/api/v1/accounts/${id}`, body);
const everybody = () =>
  cloud.rows<Account>(
    `select id, username, array(select email from federation.account_email e where e.account_id = a.id) as emails
   from federation.account a`,
  );

async function made(name: string, more: object = {}): Promise<Account> {
  const answer = await create(name, more);
  expect(answer.status, answer.text).toBe(201);
  return answer.json as Account;
}

describe('POST /api/v1/accounts under an Idempotency-Key', () => {
  it('adds one account, however often it is repeated', async () => {
    const first = await create('alice', { password: 'correct horse' }, 'once');
    const again = await Promise.all([1, 2, 3].map(() => create('alice', { password: 'correct horse' }, 'once')));

    expect(first.status).toBe(201);
    for (const { status, json } of again) expect([status, json]).toEqual([201, first.json]);
    expect(await everybody()).toHaveLength(1);
  });

  it('adds one account when it is sent several times at once', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => create('bob', {}, 'at-once')));

    for (const { status, json } of answers) expect([status, json]).toEqual([201, answers[0]?.json]);
    expect(await everybody()).toHaveLength(1);
  });

  it('is a conflict with another body, another password too', async () => {
    await create('carol', { password: 'correct horse' }, 'carol');

    expect((await create('carol', { password: 'battery staple' }, 'carol')).status).toBe(409);
    expect((await create('alice', {}, 'carol')).json).toEqual({ message: 'STATE_CONFLICT' });
    expect(await everybody()).toHaveLength(1);
  });

  it('leaves the key free when it is refused', async () => {
    const alice = await made('alice');
    expect((await create('alice', {}, 'later')).status).toBe(409);
    await cloud.api('DELETE', `/api/v1/accounts/${alice.id}`);

    expect((await create('alice', {}, 'later')).status).toBe(201);
  });

  it.each(['/api/v1/accounts', '/api/v1/accounts/import'])(
    'is in the document of %s, once, and may be left out',
    async (path) => {
      const { paths } = await cloud.json<{ paths: Record<string, { post: { parameters: object[] } }> }>(
        'GET',
        '/docs-json',
      );
      expect(paths[path]?.post.parameters).toEqual([
        expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: false }),
      ]);
    },
  );

  it('must be a key', async () => {
    expect((await create('alice', {}, 'with a blank')).json).toEqual({
      message: 'VALIDATION_FAILED',
      validationErrors: [{ name: 'Idempotency-Key', message: 'INVALID' }],
    });
  });
});

describe('an address', () => {
  it('belongs to one account, however many ask for it at once', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const accounts = await Promise.all(names.map((name) => made(name)));
    const wanted = (round: number, index: number) => at(names[(index + round) % names.length] ?? '');
    // Everybody wants the username of somebody as an e-mail address, a new username, and what a new account wants too.
    const answers = await Promise.all(
      accounts.flatMap(({ id }, index) => [
        change(id, { emails: [wanted(1, index), 'prize@example.org'] }),
        change(id, { username: at(`new-${index % 3}`) }),
        change(id, { username: wanted(2, index) }),
        create(`new-${index % 3}`, { emails: [wanted(3, index)] }),
        create(`extra-${index}`, { emails: ['prize@example.org'] }),
      ]),
    );

    expect(answers.filter(({ status }) => ![200, 201, 409, 503].includes(status))).toEqual([]);
    const found = await everybody();
    const addresses = found.flatMap(({ username, emails }) => [username, ...emails]);
    expect(addresses.filter((address, index) => addresses.indexOf(address) !== index)).toEqual([]);
    expect(addresses.filter((address) => address === 'prize@example.org')).toHaveLength(1);
  });

  it('that was changed finds the account, and the old one finds nobody', async () => {
    const { id } = await made('alice', { emails: ['alice@example.org'] });
    await change(id, { username: at('alison'), emails: ['alison@example.org'] });

    const find = async (name: string) => (await cloud.get(AccountDirectory).find(name))?.id;
    expect([await find(at('alison')), await find('alison@example.org'), await find(id)]).toEqual([id, id, id]);
    expect([await find(at('alice')), await find('alice@example.org')]).toEqual([undefined, undefined]);
    expect((await made('alice')).id).not.toBe(id);
  });
});

describe('pages of accounts', () => {
  const SIZE = 60;

  /** Accounts of which many have one moment, down to the microsecond. */
  const fill = () =>
    cloud.rows(
      `insert into federation.account (id, username, display_name, created_at)
       select md5(n::text), 'p' || n || '@cloud1.localhost', 'P',
         timestamptz '2026-01-31 23:59:59.123456+00' + (n / 20) * interval '1 microsecond'
       from generate_series(1, $1::int) n`,
      SIZE,
    );

  /** Every row of every page, with something happening between two pages. */
  async function walk(limit: number, between: () => Promise<unknown>): Promise<string[]> {
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = await cloud.json<{ items: Account[]; next: string | null }>(
        'GET',
        `/api/v1/accounts?limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      seen.push(...page.items.map(({ username }) => username));
      if (!page.next) return seen;
      cursor = page.next;
      await between();
    }
  }

  it.each([1, 7, 20])('of %i neither repeat nor leave out anybody of one moment', async (limit) => {
    await fill();
    const seen = await walk(limit, async () => undefined);

    expect(new Set(seen).size).toBe(SIZE);
    expect(seen).toHaveLength(SIZE);
  });

  it('stay as they are while accounts come and go between them, the one that a page ended with too', async () => {
    await fill();
    const gone = new Set<string>();
    let round = 0;
    const last: string[] = [];
    const seen = await walk(7, async () => {
      round++;
      await made(`new-${round}`);
      // Older than all, of the moment of many, and the newest: wherever a page may be.
      for (const moment of ['2025-01-01', '2026-01-31 23:59:59.123457+00', '2027-01-01']) {
        await cloud.rows(
          `insert into federation.account (id, username, display_name, created_at) values ($1, $2, 'N', $3)`,
          `n${round}${moment}`,
          `n${round}-${last.push(moment)}@cloud1.localhost`,
          moment,
        );
      }
      const rows = await cloud.rows<{ username: string }>(
        `delete from federation.account where username = $1 or username = $2 returning username`,
        `p${round * 5}@cloud1.localhost`,
        `p${SIZE + 1 - round * 5}@cloud1.localhost`,
      );
      for (const { username } of rows) gone.add(username);
    });

    expect(new Set(seen).size).toBe(seen.length);
    const stayed = Array.from({ length: SIZE }, (_, n) => at(`p${n + 1}`)).filter((name) => !gone.has(name));
    expect(stayed.filter((name) => !seen.includes(name))).toEqual([]);
    expect(gone.size).toBeGreaterThan(5);
  });

  it('hold while writers are at work during every page', async () => {
    await fill();
    const list = cloud.get(ListAccounts);
    const transactions = cloud.get(Transactions);
    let isOver = false;
    const writer = async (name: string) => {
      for (let n = 0; !isOver; n++) {
        await transactions.query(`insert into federation.account (id, username, display_name) values ($1, $2, 'W')`, [
          `${name}${n}`,
          at(`${name}${n}`),
        ]);
        if (n % 2) await transactions.query('delete from federation.account where id = $1', [`${name}${n - 1}`]);
      }
    };
    const writers = ['v', 'w', 'x'].map(writer);
    for (let times = 0; times < 5; times++) {
      const seen: string[] = [];
      for (let next: string | null | undefined; next !== null; ) {
        const page = await list.execute(next, '5');
        seen.push(...page.items.map(({ username }) => username));
        next = page.next;
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((name) => name.startsWith('p'))).toHaveLength(SIZE);
    }
    isOver = true;
    await Promise.all(writers);
  });
});
