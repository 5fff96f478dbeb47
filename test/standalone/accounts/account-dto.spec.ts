import { describe, expect, it } from 'vitest';
import { JsonBody } from '../../../src/index.js';
import { RawBody } from '../../../src/ocm/http/raw-body.js';
import { ChangeAccountDto, CreateAccountDto } from '../../../src/standalone/accounts/account.dto.js';

const sent = (body: object) => new RawBody(Buffer.from(JSON.stringify(body)), false, 'application/json', undefined);
const GOOD = { username: 'carol@cloud1.localhost', displayName: 'Carol' };

const fieldsOf = (read: () => unknown) => {
  try {
    read();
    return [];
  } catch (error) {
    return (error as { details: { fields: { name: string; message: string }[] } }).details.fields.map(
      ({ name, message }) => `${name} ${message}`,
    );
  }
};

describe('the body of a new account', () => {
  const problems = (body: object) => fieldsOf(() => JsonBody.of(CreateAccountDto).transform(sent(body)));

  it('needs a username and a name', () => {
    expect(problems(GOOD)).toEqual([]);
    expect(problems({})).toEqual(['username REQUIRED', 'displayName REQUIRED']);
  });

  it.each<[string, object, string]>([
    ['a field that nobody knows', { id: 'x' }, 'id UNKNOWN'],
    ['a name of more than 255 bytes', { displayName: 'ä'.repeat(128) }, 'displayName TOO_LONG'],
    ['a blank name', { displayName: ' ' }, 'displayName INVALID'],
    ['a password of seven characters', { password: '1234567' }, 'password TOO_SHORT'],
    ['a password of more than 1,024 bytes', { password: 'ä'.repeat(513) }, 'password TOO_LONG'],
    ['one e-mail address instead of a list', { emails: 'carol@example.org' }, 'emails INVALID'],
    ['numbers as e-mail addresses', { emails: [1] }, 'emails INVALID'],
    ['21 e-mail addresses', { emails: Array.from({ length: 21 }, (_, at) => `c${at}@example.org`) }, 'emails TOO_MANY'],
    ['no e-mail addresses as null', { emails: null }, 'emails REQUIRED'],
  ])('refuses %s', (_, change, problem) => {
    expect(problems({ ...GOOD, ...change })).toEqual([problem]);
  });
});

describe('the body of a change', () => {
  const problems = (body: object) => fieldsOf(() => JsonBody.of(ChangeAccountDto).transform(sent(body)));

  it('may leave everything out, and end the password', () => {
    expect(problems({})).toEqual([]);
    expect(problems({ password: null })).toEqual([]);
  });

  it('does not take null for a name', () => {
    expect(problems({ displayName: null })).toEqual(['displayName REQUIRED']);
  });
});
