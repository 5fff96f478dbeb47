import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDomainName } from '../../src/kernel/domain-name.js';
import { IP_LITERALS, LOOK_ALIKES, MALFORMED } from './names.js';

const LABEL_CHARACTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-'];
const label = fc
  .array(fc.constantFrom(...LABEL_CHARACTERS), { minLength: 1, maxLength: 20 })
  .map((characters) => characters.join(''));
const dotted = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));

describe('a domain name', () => {
  it.each([
    'cloud1.de',
    'a.b-c.example',
    'localhost',
    'cloud1.localhost',
    'xn--mnchen-3ya.de',
    '1.example',
    '3com.com',
    'a'.repeat(63),
  ])('is %s', (name) => {
    expect(parseDomainName(name)).toBe(name);
  });

  it('may have 253 characters', () => {
    const name = `${'a'.repeat(63)}.`.repeat(3) + 'a'.repeat(61);
    expect(name).toHaveLength(253);
    expect(parseDomainName(name)).toBe(name);
  });

  it('is folded to lower case', () => {
    expect(parseDomainName('Cloud1.DE')).toBe('cloud1.de');
  });

  it.each(LOOK_ALIKES)('has no %s', (_, name) => {
    expect(parseDomainName(name)).toBeUndefined();
  });

  it.each(MALFORMED)('does not have %s', (_, name) => {
    expect(parseDomainName(name)).toBeUndefined();
  });

  it.each(IP_LITERALS)('is not the address %s', (literal) => {
    expect(parseDomainName(literal)).toBeUndefined();
  });

  it('has one spelling: what was parsed parses to itself', () => {
    fc.assert(
      fc.property(dotted, (text) => {
        const name = parseDomainName(text);
        if (name !== undefined) expect(parseDomainName(name)).toBe(name);
      }),
    );
  });

  it('is what a URL parser makes of it', () => {
    fc.assert(
      fc.property(dotted, (text) => {
        const name = parseDomainName(text);
        fc.pre(name !== undefined);
        expect(new URL(`https://${text}`).hostname).toBe(name);
      }),
      { numRuns: 500 },
    );
  });

  it('holds no code point beyond ASCII, whichever it is', () => {
    const accepted: string[] = [];
    for (let point = 0x80; point <= 0x10ffff; point++) {
      if (parseDomainName(`a${String.fromCodePoint(point)}b.example`)) accepted.push(`U+${point.toString(16)}`);
    }
    expect(accepted).toEqual([]);
  });

  it('is refused in linear time, however it is padded', () => {
    const started = performance.now();
    for (const text of ['a.'.repeat(50_000), 'a-'.repeat(50_000), '-'.repeat(100_000), '1.'.repeat(100_000)]) {
      expect(parseDomainName(text)).toBeUndefined();
    }
    expect(performance.now() - started).toBeLessThan(50);
  });
});
