import { hashSync } from '@node-rs/argon2';
import { describe, expect, it } from 'vitest';
import { RawBody } from '../../../../src/index.js';
import { AccountLines } from '../../../../src/standalone/accounts/transfer/account-lines.pipe.js';

const NDJSON = 'application/x-ndjson';
const body = (text: string | Buffer, type: string | undefined = NDJSON, encoding?: string) =>
  new RawBody(Buffer.from(text), false, type, encoding);
const read = (text: string | Buffer) => new AccountLines().transform(body(text));
const line = (more: object = {}) => JSON.stringify({ username: 'carol@c', displayName: 'Carol', ...more });
/** `17 username REQUIRED` for everything that was refused. */
const problems = (text: string | Buffer) =>
  read(text).flatMap((one) =>
    'message' in one ? (one.validationErrors ?? []).map(({ name, message }) => `${one.line} ${name} ${message}`) : [],
  );

describe('a body of JSON lines', () => {
  it('is read line by line, with or without an end to the last one', () => {
    const accounts = [expect.objectContaining({ line: 1 }), expect.objectContaining({ line: 2 })];
    expect(read(`${line()}\n${line()}\n`)).toEqual(accounts);
    expect(read(`${line()}\r\n${line()}`)).toEqual(accounts);
  });

  it('counts empty lines, and passes over them', () => {
    expect(read(`\n  \r\n${line()}\n\n`)).toEqual([expect.objectContaining({ line: 3 })]);
    expect(read('')).toEqual([]);
  });

  it.each([
    ['no JSON', 'nonsense', 'body INVALID_JSON'],
    ['no object', '[]', 'body INVALID'],
    ['a key twice', '{"username":"a@b","username":"c@d"}', 'body DUPLICATE_KEY'],
    ['no name', '{"username":"a@b"}', 'displayName REQUIRED'],
    ['a field that nobody knows', line({ admin: true }), 'admin UNKNOWN'],
    [
      'a password and a hash',
      line({ password: 'correct horse', passwordHash: hashSync('x') }),
      'passwordHash CONFLICT',
    ],
  ])('refuses a line with %s, and reads the others', (_, bad, problem) => {
    expect(problems(`${line()}\n${bad}\n${line()}\n`)).toEqual([`2 ${problem}`]);
    expect(read(`${line()}\n${bad}\n${line()}\n`)).toHaveLength(3);
  });

  it('refuses a line that is no UTF-8', () => {
    expect(problems(Buffer.from([0x7b, 0xff, 0x7d, 0x0a]))).toEqual(['1 body INVALID_UTF8']);
  });

  it('takes what an export wrote, ids and all', () => {
    expect(problems(line({ id: 'abc', createdAt: '2026-01-31T23:59:59.000Z', emails: [] }))).toEqual([]);
  });

  it('is refused as a whole with more than 1,000 lines', () => {
    expect(read('x\n'.repeat(1_000))).toHaveLength(1_000);
    expect(() => read('x\n'.repeat(1_001))).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }));
  });

  it.each([
    ['application/json', undefined],
    [undefined, undefined],
    ['application/x-ndjson; charset=latin1', undefined],
    [NDJSON, 'gzip'],
  ])('is refused as %s, encoded %s', (type, encoding) => {
    const sent = new RawBody(Buffer.from(line()), false, type, encoding);
    expect(() => new AccountLines().transform(sent)).toThrow(expect.objectContaining({ kind: 'unsupported-media' }));
  });

  it('is refused when it is too large', () => {
    const sent = new RawBody(Buffer.alloc(0), true, NDJSON, undefined);
    expect(() => new AccountLines().transform(sent)).toThrow(expect.objectContaining({ kind: 'too-large' }));
  });
});

describe('the hash of a password', () => {
  const base64 = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64').replace(/=+$/, '');
  const phc = (parameters: string, { salt = 16, output = 32, start = '$argon2id$v=19' } = {}) =>
    `${start}$${parameters}$${base64(salt)}$${base64(output)}`;

  it.each(['m=19456,t=2,p=1', 'm=47104,t=1,p=1', 'm=7168,t=5,p=1', 'm=65536,t=4,p=4', 'm=262144,t=4,p=1'])(
    'may have been made with %s',
    (parameters) => {
      expect(problems(line({ passwordHash: phc(parameters) }))).toEqual([]);
    },
  );

  it.each<[string, unknown, string]>([
    ['too little work', phc('m=4096,t=3,p=1'), 'TOO_WEAK'],
    ['a short salt', phc('m=19456,t=2,p=1', { salt: 6 }), 'INVALID'],
    ['a short output', phc('m=19456,t=2,p=1', { output: 12 }), 'TOO_WEAK'],
    ['4 GiB of memory', phc('m=4194304,t=1,p=1'), 'TOO_COSTLY'],
    ['many passes', phc('m=19456,t=100,p=1'), 'TOO_COSTLY'],
    ['many threads', phc('m=19456,t=2,p=64'), 'TOO_COSTLY'],
    ['much memory, several times', phc('m=262144,t=5,p=1'), 'TOO_COSTLY'],
    ['another algorithm', phc('m=19456,t=2,p=1', { start: '$argon2i$v=19' }), 'INVALID'],
    ['an early version', phc('m=19456,t=2,p=1', { start: '$argon2id$v=16' }), 'INVALID'],
    ['bcrypt', '$2b$12$C6UzMDM.H6dfI/f/IKcEeO5fZ6QhQ1Z7f1ZqYh8m8yYq9oQJ8Q1uW', 'INVALID'],
    ['a number', 7, 'INVALID'],
    ['nothing', null, 'REQUIRED'],
  ])('must not have %s', (_, passwordHash, problem) => {
    expect(problems(line({ passwordHash }))).toEqual([`1 passwordHash ${problem}`]);
  });
});
