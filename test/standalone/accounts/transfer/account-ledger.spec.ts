import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AccountLedger,
  type HeldAccount,
  type WantedAccount,
} from '../../../../src/standalone/accounts/transfer/account-ledger.js';

const ALICE: HeldAccount = {
  id: 'a1',
  username: 'alice@c',
  displayName: 'Alice',
  emails: ['a@x', 'b@x'],
  passwordHash: 'h1',
};

function ledger(...accounts: HeldAccount[]) {
  let last = 0;
  const owners = accounts.flatMap(({ id, username, emails }) => [username, ...emails].map((at) => [at, id] as const));
  return new AccountLedger(accounts, new Map(owners), () => `new${++last}`);
}

describe('lines about accounts', () => {
  it('add whoever is not there', () => {
    const books = ledger();
    expect(books.apply({ username: 'carol@c', displayName: 'Carol', emails: ['c@x'] })).toEqual({ kind: 'created' });
    expect(books.created).toEqual([
      { id: 'new1', username: 'carol@c', displayName: 'Carol', emails: ['c@x'], passwordHash: null },
    ]);
  });

  it('change what they give of whoever is there, and never the id', () => {
    const books = ledger(ALICE);
    expect(books.apply({ username: 'alice@c', displayName: 'A.', emails: ['b@x'] })).toEqual({ kind: 'changed' });
    expect(books.changed).toEqual([{ ...ALICE, displayName: 'A.', emails: ['b@x'] }]);
    expect(books.created).toEqual([]);
  });

  it.each<[string, Partial<WantedAccount>]>([
    ['say what is so', { emails: ['b@x', 'a@x'], passwordHash: 'h1' }],
    ['leave out addresses and password', {}],
  ])('change nothing if they %s', (_, more) => {
    const books = ledger(ALICE);
    expect(books.apply({ username: 'alice@c', displayName: 'Alice', ...more })).toEqual({ kind: 'unchanged' });
    expect([...books.created, ...books.changed]).toEqual([]);
  });

  it('are refused where an address belongs to another account, and say which', () => {
    const books = ledger(ALICE);
    expect(books.apply({ username: 'b@x', displayName: 'B', emails: ['new@x', 'a@x', 'alice@c'] })).toEqual({
      kind: 'taken',
      fields: [
        { name: 'username', message: 'TAKEN' },
        { name: 'emails[1]', message: 'TAKEN' },
        { name: 'emails[2]', message: 'TAKEN' },
      ],
    });
    expect(books.created).toEqual([]);
  });

  it('may take an address that an earlier line gave up, and not one that an earlier line took', () => {
    const books = ledger(ALICE);
    books.apply({ username: 'alice@c', displayName: 'Alice', emails: ['a@x'] });
    expect(books.apply({ username: 'carol@c', displayName: 'Carol', emails: ['b@x'] }).kind).toBe('created');
    expect(books.apply({ username: 'bob@c', displayName: 'Bob', emails: ['b@x'] }).kind).toBe('taken');
    expect(books.apply({ username: 'carol@c', displayName: 'Caroline' }).kind).toBe('changed');
    expect(books.created.map(({ displayName }) => displayName)).toEqual(['Caroline']);
  });

  it('never give an address to two accounts, whatever they say (property)', () => {
    const address = fc.constantFrom('1@c', '2@c', '3@c', '4@c', '5@c', '6@c');
    const line = fc.record<WantedAccount>({
      username: address,
      displayName: fc.constantFrom('A', 'B'),
      emails: fc.option(fc.uniqueArray(address, { maxLength: 3 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const books = ledger();
        const outcomes = lines.map((wanted) => books.apply(wanted).kind);
        const held = books.created.flatMap(({ username, emails }) => [...new Set([username, ...emails])]);
        expect(new Set(held).size).toBe(held.length);
        expect(books.created).toHaveLength(outcomes.filter((kind) => kind === 'created').length);
        // What the last line about somebody said, unless it was refused, is so.
        const after = ledger(...books.created);
        const said = new Set<string>();
        for (const [at, wanted] of [...lines.entries()].reverse()) {
          if (outcomes[at] === 'taken' || said.has(wanted.username)) continue;
          said.add(wanted.username);
          expect(after.apply(wanted).kind).toBe('unchanged');
        }
      }),
    );
  });
});
