import { describe, expect, it } from 'vitest';
import { readConfirmed } from '../../src/trust/confirmed.js';

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
