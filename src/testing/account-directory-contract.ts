import assert from 'node:assert/strict';
import { type AccountDirectory, FederatedAddress } from '../index.js';
import { contractOf, type UnderTest } from './contract.js';

export interface AccountToAdd {
  /** What stands before the `@` of the username. */
  readonly name: string;
  readonly displayName: string;
  readonly emails?: readonly string[];
}

export interface AccountDirectoryUnderTest extends UnderTest {
  readonly directory: AccountDirectory;
  /** A domain of this cloud: usernames are `name@domain`. */
  readonly domain: string;
  /** Puts an account where the directory looks for it; gives its id. */
  add(account: AccountToAdd): Promise<string>;
  /** Takes it away for good. */
  remove(id: string): Promise<void>;
}

const ALICE = { name: 'alice', displayName: 'Alice', emails: ['alice@mail.example', 'a.b@mail.example'] };
const BOB = { name: 'bob', displayName: 'Bob' };

/** What every `AccountDirectory` must do: `accountDirectoryContract({ describe, it }, () => …)`. */
export const accountDirectoryContract = contractOf<AccountDirectoryUnderTest>('AccountDirectory', {
  'finds an account by its id, its username and each of its e-mail addresses': async ({ directory, domain, add }) => {
    const id = await add(ALICE);
    await add(BOB);
    for (const asked of [id, `alice@${domain}`, ...ALICE.emails]) {
      const found = await directory.find(asked);
      assert.equal(found?.id, id, `asked for ${asked}`);
      assert.equal(found.displayName, 'Alice');
    }
  },

  'gives the username as an address in a domain of this cloud': async ({ directory, domain, add }) => {
    const { username } = (await directory.find(await add(ALICE))) ?? {};
    assert.ok(username instanceof FederatedAddress, 'username must be a FederatedAddress');
    assert.equal(username.toString(), `alice@${domain}`);
  },

  'resolves to undefined, and never fails, for whatever is nobody’s': async ({ directory, domain, add }) => {
    await add(ALICE);
    const strange = ['', ' ', '@', 'nobody', `nobody@${domain}`, 'alice@elsewhere.example', '\0', `alice\0@${domain}`];
    for (const asked of [...strange, "' or 1=1 --", '{}', 'é'.repeat(400), 'a'.repeat(10_000), '-1', '\ud800']) {
      assert.equal(await directory.find(asked), undefined, `asked for ${JSON.stringify(asked.slice(0, 40))}`);
    }
  },

  'matches exactly: no part, no pattern, no other case': async ({ directory, domain, add }) => {
    const id = await add(ALICE);
    const near = [
      `ALICE@${domain}`,
      'alice',
      `lice@${domain}`,
      `alic@${domain}`,
      `%@${domain}`,
      `_lice@${domain}`,
      '%',
    ];
    for (const asked of [...near, `alice@sub.${domain}`, ` alice@${domain}`, `alice@${domain} `, `${id}x`, `x${id}`]) {
      assert.equal(await directory.find(asked), undefined, `asked for ${JSON.stringify(asked)}`);
    }
  },

  'gives an address to one account: a username before somebody else’s e-mail address': async (subject) => {
    const { directory, domain, add } = subject;
    const bob = await add(BOB);
    const greedy = { ...ALICE, emails: [`bob@${domain}`] };
    const taken = await add(greedy).then(
      () => true,
      () => false,
    );
    assert.equal((await directory.find(`bob@${domain}`))?.id, bob, taken ? 'the e-mail address won' : 'bob is lost');
  },

  'forgets who was removed, and never gives the id to another': async ({ directory, domain, add, remove }) => {
    const id = await add(ALICE);
    await remove(id);
    for (const asked of [id, `alice@${domain}`, ...ALICE.emails]) {
      assert.equal(await directory.find(asked), undefined, `asked for ${asked}`);
    }
    assert.notEqual(await add(ALICE), id);
    assert.equal(await directory.find(id), undefined);
  },
});
