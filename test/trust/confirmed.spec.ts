import { describe, expect, it } from 'vitest';
import { readConfirmed } from '../../src/trust/confirmed.js';
import { networkOf } from '../../src/trust/presented-certificate.js';

describe('the answer to a confirmation', () => {
  it('is read as far as it can be used', () => {
    expect(
      readConfirmed({
        origin: 'https://b.example',
        displayName: 'B',
        domains: ['B.Example', 'b.example.', 'bücher.example', 7, 'c.example'],
        fingerprint: 'sha256:x',
        relationship: 'its-reference',
        more: true,
      }),
    ).toEqual({
      fingerprint: 'sha256:x',
      reference: 'its-reference',
      displayName: 'B',
      domains: ['b.example', 'c.example'],
    });
  });

  it('loses a name that cannot be shown, and domains beyond a hundred', () => {
    const domains = Array.from({ length: 150 }, (_, nth) => `d${nth}.example`);
    const values = { fingerprint: 'f', relationship: 'r', displayName: 'B\u202e', domains };
    expect(readConfirmed(values)).toMatchObject({ displayName: '', domains: domains.slice(0, 100) });
  });

  it.each([undefined, null, 'text', [], {}, { fingerprint: 'f' }, { fingerprint: 'f', relationship: '' }])(
    'is none: %j',
    (body) => {
      expect(readConfirmed(body)).toBeUndefined();
    },
  );
});

describe('the network of an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
