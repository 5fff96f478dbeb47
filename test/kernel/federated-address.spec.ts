import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADDRESS_MAX_BYTES, FederatedAddress } from '../../src/kernel/federated-address.js';
import { IP_LITERALS, LOOK_ALIKES, MALFORMED } from './names.js';

describe('a federated address', () => {
  it('has a user and a domain', () => {
    const address = FederatedAddress.parse('alice@Cloud1.DE');
    expect([address.user, address.domain]).toEqual(['alice', 'cloud1.de']);
  });

  it('is printed in its one spelling', () => {
    const address = FederatedAddress.parse('Alice@CLOUD1.de');
    expect(String(address)).toBe('Alice@cloud1.de');
    expect(JSON.stringify({ address })).toBe('{"address":"Alice@cloud1.de"}');
  });

  it('says at which domain it is, sub-domains not included', () => {
    const address = FederatedAddress.parse('alice@cloud1.de');
    expect(address.isAt('cloud1.de')).toBe(true);
    expect(address.isAt('sub.cloud1.de')).toBe(false);
    expect(address.isAt('de')).toBe(false);
    expect(address.isAt('xcloud1.de')).toBe(false);
  });

  it('equals another one by user and domain', () => {
    const alice = FederatedAddress.parse('alice@cloud1.de');
    expect(alice.equals(FederatedAddress.parse('alice@CLOUD1.DE'))).toBe(true);
    expect(alice.equals(FederatedAddress.parse('alice@cloud2.de'))).toBe(false);
    expect(alice.equals(FederatedAddress.parse('bob@cloud1.de'))).toBe(false);
  });

  it('tells users apart by case: the part before the @ is opaque', () => {
    const upper = FederatedAddress.parse('Bob@cloud2.de');
    expect(upper.user).toBe('Bob');
    expect(upper.equals(FederatedAddress.parse('bob@cloud2.de'))).toBe(false);
  });

  it('takes users in any script, as they are', () => {
    for (const user of ['josé', '李雷', 'ｆｕｌｌ', 'İ', 'straße', '👩', 'a+b', "o'neil", 'a.b', '1']) {
      expect(FederatedAddress.parse(`${user}@cloud1.de`).user).toBe(user);
    }
  });

  it.each([
    ['a decomposed accent', 'jose\u0301'],
    ['the Kelvin sign', '\u212A'],
    ['the Ångström sign', '\u212B'],
    ['a zero-width joiner', 'al\u200Dice'],
    ['a soft hyphen', 'al\u00ADice'],
    ['a right-to-left override', '\u202Eecila'],
    ['an isolate', '\u2067alice\u2069'],
    ['a byte order mark', '\uFEFFalice'],
    ['a space', 'al ice'],
    ['a no-break space', 'al\u00A0ice'],
    ['a line feed', 'al\nice'],
    ['a line separator', 'al\u2028ice'],
    ['NUL', 'al\0ice'],
    ['a lone surrogate', 'al\uDC00ice'],
    ['another @', 'alice@evil.example'],
    ['a slash', '../alice'],
    ['a back slash', 'al\\ice'],
    ['an angle bracket', '<alice>'],
    ['a quote', '"alice"'],
  ])('has no user with %s', (_, user) => {
    expect(FederatedAddress.tryParse(`${user}@cloud1.de`)).toBeUndefined();
  });

  it.each([
    'alice',
    '@',
    'alice@',
    '@cloud1.de',
    '',
    'bob@[::1]:5432',
    'x@evil.example#@a.example',
    'a@b@c.example',
    'bob@a.example/path',
    'https://cloud1.de/alice',
  ])('is not "%s"', (text) => {
    expect(FederatedAddress.tryParse(text)).toBeUndefined();
  });

  it.each(LOOK_ALIKES)('has no domain with a %s', (_, domain) => {
    expect(FederatedAddress.tryParse(`alice@${domain}`)).toBeUndefined();
  });

  it.each(MALFORMED.filter(([what]) => what !== 'a user'))('has no domain with %s', (_, domain) => {
    expect(FederatedAddress.tryParse(`alice@${domain}`)).toBeUndefined();
  });

  it.each(IP_LITERALS)('has no domain %s', (literal) => {
    expect(FederatedAddress.tryParse(`alice@${literal}`)).toBeUndefined();
  });

  it('has at most 320 bytes, counted as UTF-8', () => {
    const domain = 'cloud1.de';
    const room = ADDRESS_MAX_BYTES - domain.length - 1;
    expect(FederatedAddress.tryParse(`${'a'.repeat(room)}@${domain}`)).toBeDefined();
    expect(FederatedAddress.tryParse(`${'a'.repeat(room + 1)}@${domain}`)).toBeUndefined();
    expect(FederatedAddress.tryParse(`${'é'.repeat(room / 2)}@${domain}`)).toBeDefined();
    expect(FederatedAddress.tryParse(`${'é'.repeat(room / 2 + 1)}@${domain}`)).toBeUndefined();
  });

  it.each([[undefined], [null], [42], [['alice@cloud1.de']], [{ toString: () => 'alice@cloud1.de' }]])(
    'is made of text only, not of %j',
    (value) => {
      expect(FederatedAddress.tryParse(value)).toBeUndefined();
    },
  );

  it('throws where it must be one, without quoting the text', () => {
    expect(() => FederatedAddress.parse('secret-token')).toThrow(new TypeError('not a federated address'));
  });

  it('parses to itself once parsed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), (user) => {
        const address = FederatedAddress.tryParse(`${user}@cloud1.de`);
        fc.pre(address !== undefined);
        expect(FederatedAddress.parse(String(address)).equals(address)).toBe(true);
      }),
    );
  });
});
