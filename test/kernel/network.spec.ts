import { describe, expect, it } from 'vitest';
import { networkOf } from '../../src/kernel/network.js';

describe('the network of an address', () => {
  it.each([
    ['192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.0/24'],
    ['::FFFF:c000:24d', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', '?'],
    ['unix', '?'],
    ['1:2]/x', '?'],
    ['::g', '?'],
  ])('%s counts for %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it.each([
    ['192.0.2.77', '192.0.2.77/32'],
    ['::ffff:192.0.2.77', '192.0.2.77/32'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ])('%s alone counts for %s', (address, network) => {
    expect(networkOf(address, 32)).toBe(network);
  });
});
