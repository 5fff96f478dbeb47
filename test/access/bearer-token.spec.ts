import { describe, expect, it } from 'vitest';
import { bearerToken } from '../../src/access/bearer.strategy.js';

const read = (...headers: string[]) => bearerToken(headers)?.reveal();

describe('a bearer token', () => {
  it('is read from the one Authorization header', () => {
    expect(read('Host', 'h', 'authorization', 'Bearer abc')).toBe('abc');
    expect(read('Authorization', 'bearer  a.b-c_d~e+/=')).toBe('a.b-c_d~e+/=');
  });

  it.each([
    ['no header', []],
    ['two headers', ['Authorization', 'Bearer a', 'authorization', 'Bearer a']],
    ['another scheme', ['Authorization', 'Basic YTpi']],
    ['no scheme', ['Authorization', 'abc']],
    ['nothing after the scheme', ['Authorization', 'Bearer ']],
    ['two tokens', ['Authorization', 'Bearer a b']],
    ['two in one', ['Authorization', 'Bearer a, Bearer b']],
    ['a very long one', ['Authorization', `Bearer ${'a'.repeat(1_025)}`]],
    ['a header whose value is the name', ['X-Name', 'Authorization', 'Bearer a', 'x']],
  ])('is not found in %s', (_, headers) => {
    expect(read(...headers)).toBeUndefined();
  });
});
