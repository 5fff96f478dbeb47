import { randomBytes } from 'node:crypto';
import { Test, type TestingModule } from '@nestjs/testing';
import { verify } from '@node-rs/argon2';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { OwnCloud } from '../../../src/host/own-cloud.js';
import { AuditTrail, ForgetAccount, HostCalls, Secret, Transactions } from '../../../src/index.js';
import { SCHEMA } from '../../../src/persistence/connection.js';
import { SnakeCaseColumns } from '../../../src/persistence/naming.js';
import type { CreateAccountDto } from '../../../src/standalone/accounts/account.dto.js';
import { AccountAddresses } from '../../../src/standalone/accounts/account-addresses.js';
import { AccountViews } from '../../../src/standalone/accounts/account-views.js';
import { ChangeAccount } from '../../../src/standalone/accounts/change-account.js';
import { CreateAccount } from '../../../src/standalone/accounts/create-account.js';
import { DeleteAccount } from '../../../src/standalone/accounts/delete-account.js';
import { HoldAccount } from '../../../src/standalone/accounts/hold-account.js';
import { ListAccounts } from '../../../src/standalone/accounts/list-accounts.js';
import { ReadAccount } from '../../../src/standalone/accounts/read-account.js';
import { TableAccountDirectory } from '../../../src/standalone/accounts/table-account-directory.js';
import { STANDALONE_ENTITIES } from '../../../src/standalone/standalone.module.js';
import { StandaloneOptions } from '../../../src/standalone/standalone-options.js';
import { type FreshDatabase, freshDatabase } from '../../support/database.js';

const conflict = expect.objectContaining({ kind: 'conflict', code: 'STATE_CONFLICT' });
const missing = expect.objectContaining({ kind: 'missing', code: 'RESOURCE_NOT_FOUND' });
const invalid = (name: string, message: string) =>
  expect.objectContaining({ kind: 'invalid', details: expect.objectContaining({ fields: [{ name, message }] }) });

const OWN = new OwnCloud({
  publicOrigin: 'https://cloud1.localhost',
  database: { url: '' },
  sealKey: randomBytes(32),
  adminToken: new Secret('x'.repeat(32)),
});

let database: FreshDatabase;
let dataSource: DataSource;
let module: TestingModule;
let transactions: Transactions;
const record = vi.fn(async (): Promise<void> => undefined);
const forget = vi.fn(async (): Promise<void> => undefined);

const ALICE: CreateAccountDto = {
  username: 'alice@cloud1.localhost',
  displayName: 'Alice',
  emails: ['alice@Example.org'],
};
const create = (account: Partial<CreateAccountDto> = {}) => module.get(CreateAccount).execute({ ...ALICE, ...account });
const passwordHashOf = async (id: string) => {
  const [row] = await transactions.query<{ password_hash: string | null }>(
    'select password_hash from federation.account where id = $1',
    [id],
  );
  return row?.password_hash;
};

beforeAll(async () => {
  database = await freshDatabase();
  dataSource = await new DataSource({
    type: 'postgres',
    url: database.url,
    schema: SCHEMA,
    entities: STANDALONE_ENTITIES,
    namingStrategy: new SnakeCaseColumns(),
  }).initialize();
  transactions = new Transactions(dataSource);
  module = await Test.createTestingModule({
    providers: [
      { provide: Transactions, useValue: transactions },
      { provide: AuditTrail, useValue: { record } },
      { provide: ForgetAccount, useValue: { execute: forget } },
      { provide: StandaloneOptions, useValue: new StandaloneOptions(['cloud1.localhost', 'example.net'], '/nowhere') },
      { provide: HostCalls, useValue: new HostCalls(transactions, OWN) },
      AccountAddresses,
      AccountViews,
      HoldAccount,
      TableAccountDirectory,
      ...[CreateAccount, ListAccounts, ReadAccount, ChangeAccount, DeleteAccount],
    ],
  }).compile();
});

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

beforeEach(async () => {
  await transactions.query('delete from federation.account');
  record.mockClear();
  forget.mockReset();
});

describe('creating an account', () => {
  it('answers it with an id, and never with its password', async () => {
    const account = await create({ password: 'correct horse' });

    expect(account).toEqual({
      id: expect.stringMatching(/^[\w-]{24}$/),
      username: 'alice@cloud1.localhost',
      displayName: 'Alice',
      emails: ['alice@example.org'],
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    expect(record).toHaveBeenCalledExactlyOnceWith({ action: 'account.created', object: `account:${account.id}` });
  });

  it('keeps the password as argon2id', async () => {
    const { id } = await create({ password: 'correct horse' });
    const hash = (await passwordHashOf(id)) ?? '';

    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await verify(hash, 'correct horse')).toBe(true);
  });

  it.each([
    ['an address of no form', 'alice', 'INVALID'],
    ['an address in a domain of somebody else', 'alice@cloud2.localhost', 'DOMAIN_NOT_OURS'],
  ])('refuses %s as username', async (_, username, code) => {
    await expect(create({ username })).rejects.toEqual(invalid('username', code));
  });

  it('refuses an e-mail address of no form, and says which', async () => {
    await expect(create({ emails: ['a@example.org', 'nonsense'] })).rejects.toEqual(invalid('emails[1]', 'INVALID'));
  });

  it.each<[string, Partial<CreateAccountDto>]>([
    ['its username is taken', { emails: [] }],
    ['its username is taken in another spelling of the domain', { username: 'alice@CLOUD1.localhost', emails: [] }],
    ['an e-mail address is taken', { username: 'carol@cloud1.localhost' }],
    [
      'an e-mail address is the username of another',
      { username: 'carol@cloud1.localhost', emails: ['alice@cloud1.localhost'] },
    ],
  ])('is a conflict, and changes nothing, when %s', async (_, account) => {
    await create();

    await expect(create(account)).rejects.toEqual(conflict);
    expect((await module.get(ListAccounts).execute()).items).toHaveLength(1);
    expect(record).toHaveBeenCalledTimes(1);
  });

  it('gives an address to one of two that ask for it at once', async () => {
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => create()));

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toEqual(conflict);
  });

  it('is undone when it cannot be audited', async () => {
    record.mockRejectedValueOnce(new Error('no'));

    await expect(create()).rejects.toThrow('no');
    expect((await module.get(ListAccounts).execute()).items).toEqual([]);
  });
});

describe('an account', () => {
  it('is changed in what is given, and stays in the rest', async () => {
    const { id } = await create({ password: 'correct horse' });
    const hash = await passwordHashOf(id);
    const changed = await module.get(ChangeAccount).execute(id, { displayName: 'Alice A.', username: 'a@example.net' });

    expect(changed).toMatchObject({
      id,
      username: 'a@example.net',
      displayName: 'Alice A.',
      emails: ['alice@example.org'],
    });
    expect(await passwordHashOf(id)).toBe(hash);
    expect(record).toHaveBeenLastCalledWith({ action: 'account.changed', object: `account:${id}` });
  });

  it('may keep its own addresses, and gives those up that are left out', async () => {
    const { id } = await create({ emails: ['one@example.org', 'two@example.org'] });
    const changed = await module.get(ChangeAccount).execute(id, {
      username: ALICE.username,
      emails: ['three@example.org', 'two@example.org'],
    });

    expect(changed.emails).toEqual(['three@example.org', 'two@example.org']);
    await expect(create({ username: 'carol@cloud1.localhost', emails: ['one@example.org'] })).resolves.toBeDefined();
    await expect(module.get(ChangeAccount).execute(id, { emails: ['one@example.org'] })).rejects.toEqual(conflict);
  });

  it('loses its password when that becomes null', async () => {
    const { id } = await create({ password: 'correct horse' });
    await module.get(ChangeAccount).execute(id, { password: null });

    expect(await passwordHashOf(id)).toBeNull();
  });

  it('ends its shares when it is deleted, in one transaction', async () => {
    const { id } = await create();
    forget.mockImplementationOnce(async () => void expect(transactions.isRunning()).toBe(true));
    await module.get(DeleteAccount).execute(id);

    expect(forget).toHaveBeenCalledExactlyOnceWith(id);
    expect(record).toHaveBeenLastCalledWith({ action: 'account.deleted', object: `account:${id}` });
    await expect(module.get(ReadAccount).execute(id)).rejects.toEqual(missing);
    await expect(create()).resolves.toBeDefined();
  });

  it('stays when its shares cannot be ended', async () => {
    const { id } = await create();
    forget.mockRejectedValueOnce(new Error('no'));

    await expect(module.get(DeleteAccount).execute(id)).rejects.toThrow('no');
    await expect(module.get(ReadAccount).execute(id)).resolves.toMatchObject({ id });
  });

  it.each(['unknown', 'with\0nul', ''])('that is not there is missing: %j', async (id) => {
    await expect(module.get(ReadAccount).execute(id)).rejects.toEqual(missing);
    await expect(module.get(ChangeAccount).execute(id, { displayName: 'X' })).rejects.toEqual(missing);
    await expect(module.get(DeleteAccount).execute(id)).rejects.toEqual(missing);
    expect(forget).not.toHaveBeenCalled();
  });
});

describe('the list of accounts', () => {
  it('comes in pages, newest first, and leaves nobody out', async () => {
    const made: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      made.unshift((await create({ username: `${name}@example.net`, emails: [] })).id);
    const first = await module.get(ListAccounts).execute(undefined, '2');
    const second = await module.get(ListAccounts).execute(first.next, '2');
    const third = await module.get(ListAccounts).execute(second.next, '2');

    expect([first, second, third].flatMap(({ items }) => items.map(({ id }) => id))).toEqual(made);
    expect(third.next).toBeNull();
  });

  it.each([
    ['cursor', 'nonsense', undefined],
    ['limit', undefined, '0'],
    ['limit', undefined, '201'],
  ])('refuses a bad %s', async (name, cursor, limit) => {
    await expect(module.get(ListAccounts).execute(cursor, limit)).rejects.toEqual(invalid(name, 'INVALID'));
  });
});

describe('the directory', () => {
  const find = (text: string) => module.get(TableAccountDirectory).find(text);

  it('finds an account by its id, its username and its e-mail addresses', async () => {
    const { id } = await create();

    for (const text of [id, 'alice@cloud1.localhost', 'alice@CLOUD1.localhost', 'alice@example.org']) {
      const account = await find(text);
      expect(account).toMatchObject({ id, displayName: 'Alice' });
      expect(account?.username.toString()).toBe('alice@cloud1.localhost');
    }
  });

  it.each(['bob@cloud1.localhost', 'Alice@cloud1.localhost', 'alice', '', 'nul\0', '\ud800', '%'])(
    'finds nobody by %j',
    async (text) => {
      await create();

      expect(await find(text)).toBeUndefined();
    },
  );
});
