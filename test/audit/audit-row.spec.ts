import { describe, expect, it } from 'vitest';
import { type AuditRow, hashOfLink, hashOfRow } from '../../src/audit/audit-row.js';
import { auditDetails, auditText } from '../../src/audit/audit-text.js';
import { Secret } from '../../src/kernel/secret.js';

const ROW: AuditRow = {
  id: 'e1',
  at: '2026-01-31T23:59:59.123000Z',
  node: 'a/1',
  actorKind: 'operator',
  actor: 'bootstrap',
  action: 'token.issued',
  object: 'token:t1',
  peer: null,
  outcome: 'done',
  details: { role: 'host', count: 2, fine: true, none: null },
  requestId: 'r1',
};

describe('the hash of an entry', () => {
  it('does not depend on the order of the details', () => {
    const turned = { none: null, fine: true, count: 2, role: 'host' };
    expect(hashOfRow({ ...ROW, details: turned })).toBe(hashOfRow(ROW));
  });

  it('is the documented one', () => {
    expect(hashOfRow(ROW)).toBe('ALBES2yaNIP-_jkhljpUyLf6Y0hfA_Jh6O7fh5TOv7k');
    expect(hashOfLink('entente-audit-chain-1', 'abc')).toBe('5SqSZSkD4ZhtX9g1h5Fugoln74feGxDUqWlISXrEH8k');
  });

  it.each(Object.keys(ROW) as (keyof AuditRow)[])('depends on %s', (column) => {
    const other = column === 'details' ? { role: 'host' } : 'another';
    expect(hashOfRow({ ...ROW, [column]: other })).not.toBe(hashOfRow(ROW));
  });

  it('tells a value from its neighbour and a number from its text', () => {
    expect(hashOfRow({ ...ROW, actor: 'ab', action: 'c' })).not.toBe(hashOfRow({ ...ROW, actor: 'a', action: 'bc' }));
    expect(hashOfRow({ ...ROW, details: { n: 1 } })).not.toBe(hashOfRow({ ...ROW, details: { n: '1' } }));
  });
});

describe('what strangers chose', () => {
  it('is cut, and rid of what a database cannot hold', () => {
    expect(auditText('a\0b')).toBe('a\uFFFDb');
    expect(auditText('half \ud800 pair')).toBe('half \uFFFD pair');
    expect(auditText('x'.repeat(1_001))).toBe(`${'x'.repeat(1_000)}…`);
    expect(auditText('x'.repeat(1_000))).toBe('x'.repeat(1_000));
  });

  it.each([
    ['a secret', new Secret('s')],
    ['an object', { a: 1 }],
    ['not a number', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['nothing', undefined],
  ])('cannot be %s', (_, value) => {
    expect(() => auditDetails({ value: value as never })).toThrow(TypeError);
  });
});
