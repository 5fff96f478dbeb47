import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Origin } from '../../src/kernel/origin.js';
import { DestinationPolicy } from '../../src/transport/addresses.js';

const FORBIDDEN = `
  0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.254
  169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1
  192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
  :: ::1 0:0:0:0:0:0:0:1 ::127.0.0.1 ::7f00:1 ::ffff:127.0.0.1 ::FFFF:127.0.0.1 ::ffff:7f00:1 0:0:0:0:0:ffff:10.0.0.1
  ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::127.0.0.1 64:ff9b:1::1 100::1 100:0:0:1::1
  2001::1 2001:0:53aa:64c::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2001:0DB8:0:0::1 2002:7f00:1::1 2002:c0a8:1::
  3fff::1 3fff:fff:ffff::1 4000::1 5f00::1 fc00::1 fd12:3456:789a::1 fdff::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1
  ff0e::1 ffff::1`
  .trim()
  .split(/\s+/);

const PUBLIC = `
  1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
  172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
  2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2a00:1450:4001:81b::200e 3ffe::1 ::ffff:1.1.1.1 ::ffff:101:101`
  .trim()
  .split(/\s+/);

/** Networks of the special-purpose registries, with their first and last address. */
const SPECIAL_NETWORKS = [
  ['0.0.0.0/8', '0.0.0.0', '0.255.255.255'],
  ['10.0.0.0/8', '10.0.0.0', '10.255.255.255'],
  ['100.64.0.0/10', '100.64.0.0', '100.127.255.255'],
  ['127.0.0.0/8', '127.0.0.0', '127.255.255.255'],
  ['169.254.0.0/16', '169.254.0.0', '169.254.255.255'],
  ['172.16.0.0/12', '172.16.0.0', '172.31.255.255'],
  ['192.0.0.0/24', '192.0.0.0', '192.0.0.255'],
  ['192.0.2.0/24', '192.0.2.0', '192.0.2.255'],
  ['192.88.99.0/24', '192.88.99.0', '192.88.99.255'],
  ['192.168.0.0/16', '192.168.0.0', '192.168.255.255'],
  ['198.18.0.0/15', '198.18.0.0', '198.19.255.255'],
  ['198.51.100.0/24', '198.51.100.0', '198.51.100.255'],
  ['203.0.113.0/24', '203.0.113.0', '203.0.113.255'],
  ['224.0.0.0/4', '224.0.0.0', '239.255.255.255'],
  ['240.0.0.0/4', '240.0.0.0', '255.255.255.255'],
  ['::ffff:0:0/96, unless the IPv4 address is public', '::ffff:0.0.0.0', '::ffff:255.255.255.255'],
  ['64:ff9b::/96', '64:ff9b::', '64:ff9b::ffff:ffff'],
  ['64:ff9b:1::/48', '64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
  ['100::/64', '100::', '100::ffff:ffff:ffff:ffff'],
  ['2001::/23', '2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001:db8::/32', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2002::/16', '2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['3fff::/20', '3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['5f00::/16', '5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['fc00::/7', 'fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['fe80::/10', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['ff00::/8', 'ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
] as const;

describe('where peers may live', () => {
  const internet = new DestinationPolicy();

  it.each(SPECIAL_NETWORKS)('forbids %s from its first to its last address, in capitals too', (_, first, last) => {
    const spellings = [first, last, first.toUpperCase(), last.toUpperCase()];
    expect(spellings.filter((address) => internet.permits(address))).toEqual([]);
  });

  it.each(FORBIDDEN)('forbids %s', (address) => expect(internet.permits(address)).toBe(false));

  it.each(PUBLIC)('permits %s', (address) => expect(internet.permits(address)).toBe(true));

  it.each([
    '',
    'localhost',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '1.1.1.1.',
    ' 1.1.1.1',
    '[2606::1]',
    '１.1.1.1',
  ])('does not take %j for an address', (text) => expect(internet.permits(text)).toBe(false));

  it('judges every IPv4 address and its v4-mapped spelling alike', () => {
    fc.assert(fc.property(fc.ipV4(), (v4) => internet.permits(v4) === internet.permits(`::ffff:${v4}`)));
  });

  it('permits no IPv6 address outside 2000::/3', () => {
    const outside = fc
      .ipV6()
      .filter((address) => !/^[23][0-9a-f]{3}:/i.test(address) && !/ffff:[^:]*\.|ffff:[^:]+:[^:]+$/i.test(address));
    fc.assert(fc.property(outside, (address) => !internet.permits(address)));
  });

  it('opens exactly the networks that the operator allows', () => {
    const lab = new DestinationPolicy(['127.0.0.0/8', '::1/128', 'FD00:1::/32', '10.1.2.0/24']);
    const open = ['127.0.0.1', '::ffff:127.0.0.1', '::1', 'fd00:1::7', '10.1.2.255', '1.1.1.1'];
    const closed = ['10.1.3.0', '::2', 'fd00:2::7', '192.168.0.1', '169.254.169.254', '::127.0.0.1'];
    expect(open.filter((address) => !lab.permits(address))).toEqual([]);
    expect(closed.filter((address) => lab.permits(address))).toEqual([]);
  });

  it.each([
    '',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0/8',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '::1/129',
    'fe80::%eth0/10',
    '::ffff:10.0.0.0/104',
    'localhost/8',
    '10.0.0.0/8 ',
  ])('refuses %j as a network and names it', (entry) =>
    expect(() => new DestinationPolicy(['1.0.0.0/8', entry])).toThrow(
      new TypeError(`not a network in CIDR form: ${JSON.stringify(entry)}`),
    ),
  );
});

describe('a host that is an address in disguise is not an origin', () => {
  it.each([
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1',
    '127.0.0.1.',
    '①②⑦.⓪.⓪.①',
    '１２７.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '::1',
    'localhost.',
    'a。evil.example',
    'a\u00adb.example',
    'user@127.0.0.1',
    '127.0.0.1#a.example',
    '127.0.0.1%2e',
  ])('https://%s', (host) => expect(Origin.tryParse(`https://${host}`)).toBeUndefined());
});
