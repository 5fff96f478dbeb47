import { describe, expect, it } from 'vitest';
import { Origin } from '../../src/kernel/origin.js';
import { IP_LITERALS, LOOK_ALIKES, MALFORMED } from './names.js';

describe('an origin', () => {
  it.each([
    ['https://cloud1.de', 'https://cloud1.de'],
    ['https://cloud1.de/', 'https://cloud1.de'],
    ['https://cloud1.de:443', 'https://cloud1.de'],
    ['HTTPS://Cloud1.DE:8441/', 'https://cloud1.de:8441'],
    ['https://cloud1.de:08441', 'https://cloud1.de:8441'],
    ['https://cloud1.localhost:1', 'https://cloud1.localhost:1'],
    ['https://cloud1.de:65535', 'https://cloud1.de:65535'],
  ])('%s is %s', (text, printed) => {
    expect(String(Origin.parse(text))).toBe(printed);
    expect(JSON.stringify(Origin.parse(text))).toBe(JSON.stringify(printed));
  });

  it('has a host, a port, and an authority as a Host header spells it', () => {
    const plain = Origin.parse('https://cloud1.de');
    expect([plain.host, plain.port, plain.authority]).toEqual(['cloud1.de', 443, 'cloud1.de']);
    const odd = Origin.parse('https://cloud1.de:8441');
    expect([odd.host, odd.port, odd.authority]).toEqual(['cloud1.de', 8441, 'cloud1.de:8441']);
  });

  it('is another one on another port', () => {
    const origin = Origin.parse('https://cloud1.de');
    expect(origin.equals(Origin.parse('https://CLOUD1.de:443/'))).toBe(true);
    expect(origin.equals(Origin.parse('https://cloud1.de:8441'))).toBe(false);
    expect(origin.equals(Origin.parse('https://cloud2.de'))).toBe(false);
  });

  it.each([
    'http://cloud1.de',
    'ftp://cloud1.de',
    'cloud1.de',
    '//cloud1.de',
    'https:cloud1.de',
    'https:/cloud1.de',
    'https:///cloud1.de',
    'https:\\\\cloud1.de',
    'https://',
    'https:///',
    'https://:8441',
    'https://cloud1.de:',
    'https://cloud1.de:0',
    'https://cloud1.de:65536',
    'https://cloud1.de:999999',
    'https://cloud1.de:-1',
    'https://cloud1.de:8441x',
    'https://cloud1.de//',
    'https://cloud1.de/path',
    'https://cloud1.de?',
    'https://cloud1.de#',
    'https://cloud1.de/?x',
    'https://user@cloud1.de',
    'https://user:password@cloud1.de',
    'https://@cloud1.de',
    'https://cloud1.de@evil.example',
    'https://cloud1.de\\@evil.example',
    ' https://cloud1.de',
    'https://cloud1.de ',
    'https://cloud1.de\n',
    'ht\ntps://cloud1.de',
    'https://clo\tud1.de',
    `https://${'a.'.repeat(150)}de`,
  ])('is not "%s"', (text) => {
    expect(Origin.tryParse(text)).toBeUndefined();
  });

  it.each(LOOK_ALIKES)('has no host with a %s', (_, host) => {
    expect(Origin.tryParse(`https://${host}`)).toBeUndefined();
  });

  it.each(MALFORMED.filter(([what]) => what !== 'a port'))('has no host with %s', (_, host) => {
    expect(Origin.tryParse(`https://${host}`)).toBeUndefined();
  });

  it.each(IP_LITERALS)('has no host %s', (literal) => {
    expect(Origin.tryParse(`https://${literal}`)).toBeUndefined();
    expect(Origin.tryParse(`https://${literal}:8441`)).toBeUndefined();
  });

  it.each([[undefined], [null], [443], [['https://cloud1.de']], [new URL('https://cloud1.de')]])(
    'is made of text only, not of %j',
    (value) => {
      expect(Origin.tryParse(value)).toBeUndefined();
    },
  );

  it('throws where it must be one, without quoting the text', () => {
    expect(() => Origin.parse('https://user:password@cloud1.de')).toThrow(
      new TypeError('not an https origin with a DNS name'),
    );
  });
});
