import assert from 'node:assert/strict';
import type { Account, ResourceProvider } from '../index.js';
import { contractOf, type UnderTest } from './contract.js';

export interface ResourceProviderUnderTest extends UnderTest {
  readonly provider: ResourceProvider;
  /** Two accounts of the directory. */
  readonly owner: Account;
  readonly other: Account;
  /** Makes something that this account may share; gives its id. */
  add(owner: Account): Promise<string>;
  /** Takes it away. */
  remove(owner: Account, resourceId: string): Promise<void>;
}

/** What every `ResourceProvider` must do: `resourceProviderContract({ describe, it }, () => …)`. */
export const resourceProviderContract = contractOf<ResourceProviderUnderTest>('ResourceProvider', {
  'lets an owner share what is theirs': async ({ provider, owner, add }) => {
    const resource = await add(owner);
    assert.equal(await provider.mayShare(owner, resource), true);
    assert.equal(await provider.mayShare(owner, resource), true, 'asked again');
  },

  'lets nobody else share it': async ({ provider, owner, other, add }) => {
    const resource = await add(owner);
    await add(other);
    assert.equal(await provider.mayShare(other, resource), false);
  },

  'resolves to false, and never fails, for what does not exist': async ({ provider, owner, add }) => {
    const resource = await add(owner);
    const strange = ['', ' ', '.', '..', '/', '*', '%', '\0', "' or 1=1 --", '__proto__', 'a'.repeat(10_000), '\ud800'];
    for (const asked of [...strange, `${resource}x`, `${resource}\0`, `${resource}/`, `./${resource}`]) {
      assert.equal(await provider.mayShare(owner, asked), false, `asked for ${JSON.stringify(asked.slice(0, 60))}`);
    }
  },

  'is not led to somebody else’s by a path': async ({ provider, owner, other, add }) => {
    const theirs = await add(other);
    await add(owner);
    const home = other.username.toString();
    for (const asked of [`../${home}/${theirs}`, `${home}/${theirs}`, `/${home}/${theirs}`, `..\\${home}\\${theirs}`]) {
      assert.equal(await provider.mayShare(owner, asked), false, `asked for ${asked}`);
    }
  },

  'forgets what was removed': async ({ provider, owner, add, remove }) => {
    const resource = await add(owner);
    await remove(owner, resource);
    assert.equal(await provider.mayShare(owner, resource), false);
  },
});
