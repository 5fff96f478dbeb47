import { describe, expect, it } from 'vitest';
import { randomId } from '../../src/kernel/ids.js';
import { Secret } from '../../src/kernel/secret.js';

const MANY = 100_000;

describe.each<[string, () => string, number]>([
  ['ids', randomId, 18],
  ['tokens', () => Secret.random().reveal(), 32],
])('a hundred thousand %s', (_, make, bytes) => {
  const made = Array.from({ length: MANY }, make);

  it('all have the same form: that many random bytes as base64url', () => {
    const characters = (bytes * 8) / 6;
    const form = new RegExp(`^[A-Za-z0-9_-]{${Math.ceil(characters)}}$`);
    expect(made.filter((text) => !form.test(text))).toEqual([]);
    expect(made.filter((text) => Buffer.from(text, 'base64url').length !== bytes)).toEqual([]);
  });

  it('are all different, in their first half and in their second as well', () => {
    expect(new Set(made).size).toBe(MANY);
    const half = Math.floor((made[0]?.length ?? 0) / 2);
    expect(new Set(made.map((text) => text.slice(0, half))).size).toBe(MANY);
    expect(new Set(made.map((text) => text.slice(half))).size).toBe(MANY);
  });

  it('have no constant bit, and none that is set in more or fewer than half of them', () => {
    const ones = new Array<number>(bytes * 8).fill(0);
    for (const text of made) {
      for (const [at, byte] of Buffer.from(text, 'base64url').entries()) {
        for (let bit = 0; bit < 8; bit += 1) ones[at * 8 + bit] = (ones[at * 8 + bit] ?? 0) + ((byte >> bit) & 1);
      }
    }
    // Eight standard deviations: a fair bit is beyond them less than once in 10^14 runs.
    const deviation = Math.sqrt(MANY) / 2;
    for (const count of ones) expect(Math.abs(count - MANY / 2)).toBeLessThan(8 * deviation);
  });

  it('say nothing of their order: sorted, they come in no sequence, and neighbours share no beginning', () => {
    const rises = made.filter((text, at) => text > (made[at - 1] ?? '')).length;
    expect(Math.abs(rises - MANY / 2)).toBeLessThan(8 * Math.sqrt(MANY / 12));
    const alike = made.filter((text, at) => text.slice(0, 4) === made[at - 1]?.slice(0, 4)).length;
    expect(alike).toBeLessThan(5);
  });
});
