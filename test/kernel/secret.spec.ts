import { createHash } from 'node:crypto';
import { format, formatWithOptions, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';

const CANARY = 'canary-7f3a9c';
const secret = new Secret(CANARY);

/** Every way in which something may be turned to text by accident. */
const PRINTINGS: [string, () => string][] = [
  ['String()', () => String(secret)],
  ['a template', () => `${secret}`],
  ['concatenation', () => `x${[secret]}`],
  ['join', () => [secret, secret].join()],
  ['JSON', () => JSON.stringify(secret)],
  ['JSON, nested', () => JSON.stringify({ a: [{ secret }], b: new Map([['k', secret]]) })],
  ['inspect', () => inspect(secret)],
  ['inspect, nested and deep', () => inspect({ a: { b: [new Map([['k', { secret }]])] } }, { depth: null })],
  ['inspect with hidden properties', () => inspect(secret, { showHidden: true, depth: null })],
  ['inspect without its own spelling', () => inspect(secret, { customInspect: false, showHidden: true, depth: null })],
  ['inspect of proxies and getters', () => inspect(new Proxy(secret, {}), { showProxy: true, getters: true })],
  ['format %s', () => format('%s', secret)],
  ['format %o', () => format('%o', secret)],
  ['format %O', () => format('%O', secret)],
  ['format %j', () => format('%j', secret)],
  ['format %d', () => format('%d', secret)],
  ['format without a directive', () => format('secret:', secret, { secret })],
  ['format with colours', () => formatWithOptions({ colors: true }, '%O', { secret })],
  ['an error', () => inspect(new Error(`failed with ${secret}`, { cause: { secret } }))],
  ['entries and keys', () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret).map(String)])],
  ['a copy', () => JSON.stringify({ ...secret })],
  ['a structured clone', () => inspect(structuredClone(secret))],
];

describe('a secret', () => {
  it.each(PRINTINGS)('is not given away by %s', (_, print) => {
    expect(print()).not.toContain(CANARY);
  });

  it('says what it is instead', () => {
    expect([String(secret), JSON.stringify({ secret }), inspect(secret)]).toEqual([
      '[secret]',
      '{"secret":"[secret]"}',
      '[secret]',
    ]);
  });

  it('is given away by reveal() alone', () => {
    expect(secret.reveal()).toBe(CANARY);
  });

  it('is hashed with SHA-256', () => {
    expect(secret.hash()).toBe(createHash('sha256').update(CANARY).digest('base64url'));
  });

  it('matches its own hash and no other', () => {
    const hash = secret.hash();
    expect(secret.matches(hash)).toBe(true);
    expect(new Secret(`${CANARY}x`).matches(hash)).toBe(false);
    for (const other of ['', hash.slice(0, -1), `${hash}A`, hash.toUpperCase(), '\u{1F511}'.repeat(11)]) {
      expect(secret.matches(other)).toBe(false);
    }
  });

  it('has 256 random bits in base64url if it is made here', () => {
    const made = Array.from({ length: 1000 }, () => Secret.random().reveal());
    expect(new Set(made).size).toBe(1000);
    expect(made.every((text) => /^[\w-]{43}$/.test(text))).toBe(true);
  });
});
