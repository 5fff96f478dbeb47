import { describe, expect, it } from 'vitest';
import {
  type Account,
  AccountDirectory,
  type FederationEvent,
  FederationEvents,
  type ForeignIdentity,
  type Origin,
  ResourceProvider,
  SessionIssuer,
} from '../../src/index.js';
import {
  type AccountDirectoryUnderTest,
  accountDirectoryContract,
  federationEventsContract,
  InMemoryAccountDirectory,
  InMemoryPorts,
  type ResourceProviderUnderTest,
  resourceProviderContract,
  sessionIssuerContract,
  type TestRunner,
} from '../../src/testing/index.js';

/** Runs a contract by itself; the names of the clauses that fail, with what they say. */
async function failuresOf(contract: (runner: TestRunner) => void): Promise<Record<string, string>> {
  const clauses: [string, () => Promise<void>][] = [];
  contract({ describe: (_name, body) => body(), it: (name, test) => clauses.push([name, test]) });
  expect(clauses.length).toBeGreaterThan(3);
  const failures: Record<string, string> = {};
  for (const [name, test] of clauses) {
    await test().catch((error: Error) => {
      failures[name] = `${error.name}: ${error.message}`;
    });
  }
  return failures;
}

function directory(broken: (accounts: InMemoryAccountDirectory) => AccountDirectory): AccountDirectoryUnderTest {
  const accounts = new InMemoryAccountDirectory();
  return {
    directory: broken(accounts),
    domain: 'cloud1.example',
    add: async ({ name, ...more }) => accounts.add(`${name}@cloud1.example`, more).id,
    remove: async (id) => accounts.remove(id),
  };
}

describe('the contract of account directories', () => {
  class IgnoresCase extends AccountDirectory {
    constructor(private readonly accounts: AccountDirectory) {
      super();
    }

    override async find(asked: string): Promise<Account | undefined> {
      return (await this.accounts.find(asked)) ?? this.accounts.find(asked.toLowerCase());
    }
  }

  class Throws extends AccountDirectory {
    constructor(private readonly accounts: AccountDirectory) {
      super();
    }

    override async find(asked: string): Promise<Account | undefined> {
      const found = await this.accounts.find(asked);
      if (!found) throw new Error('no such account');
      return found;
    }
  }

  class Remembers extends AccountDirectory {
    private readonly seen = new Map<string, Account>();

    constructor(private readonly accounts: AccountDirectory) {
      super();
    }

    override async find(asked: string): Promise<Account | undefined> {
      const found = this.seen.get(asked) ?? (await this.accounts.find(asked));
      if (found) this.seen.set(found.id, found);
      return found;
    }
  }

  it.each([
    ['takes another case for the same', IgnoresCase, ['matches exactly: no part, no pattern, no other case']],
    [
      'throws where nobody is found',
      Throws,
      [
        'resolves to undefined, and never fails, for whatever is nobody’s',
        'matches exactly: no part, no pattern, no other case',
        'forgets who was removed, and never gives the id to another',
      ],
    ],
  ])('fails one that %s', async (_how, Broken, clauses) => {
    const failures = await failuresOf((runner) =>
      accountDirectoryContract(runner, () => directory((accounts) => new Broken(accounts))),
    );
    expect(Object.keys(failures)).toEqual(clauses);
  });

  it('fails one that remembers who was removed', async () => {
    const failures = await failuresOf((runner) =>
      accountDirectoryContract(runner, () => {
        const subject = directory((accounts) => new Remembers(accounts));
        const add: typeof subject.add = async (account) => {
          const id = await subject.add(account);
          await subject.directory.find(id);
          return id;
        };
        return { ...subject, add };
      }),
    );
    expect(failures).toEqual({
      'forgets who was removed, and never gives the id to another':
        expect.stringContaining('AssertionError: asked for'),
    });
  });
});

describe('the contract of resource providers', () => {
  it('fails one that asks only whether there is such a thing', async () => {
    const make = (): ResourceProviderUnderTest => {
      const { accounts } = new InMemoryPorts();
      const all = new Set<string>();
      class Careless extends ResourceProvider {
        override async mayShare(_owner: Account, resourceId: string): Promise<boolean> {
          return all.has(resourceId.split('/').filter(Boolean).at(-1) ?? '');
        }
      }
      return {
        provider: new Careless(),
        owner: accounts.add('alice@cloud1.example'),
        other: accounts.add('bob@cloud1.example'),
        add: async (owner) => {
          all.add(`plans-of-${owner.id}`);
          return `plans-of-${owner.id}`;
        },
        remove: async (_owner, resource) => void all.delete(resource),
      };
    };
    expect(Object.keys(await failuresOf((runner) => resourceProviderContract(runner, make)))).toEqual([
      'lets nobody else share it',
      'resolves to false, and never fails, for what does not exist',
      'is not led to somebody else’s by a path',
    ]);
  });
});

describe('the contract of session issuers', () => {
  it('fails one that ends sessions by the host of the cloud, and numbers them', async () => {
    class ByHost extends SessionIssuer {
      readonly sessions = new Map<string, string>();

      override async open({ home }: ForeignIdentity): Promise<string> {
        const id = String(this.sessions.size + 1);
        this.sessions.set(id, home.host);
        return id;
      }

      override async endAllFrom(home: Origin): Promise<void> {
        for (const [id, host] of this.sessions) if (host === home.host) this.sessions.set(id, 'ended');
      }
    }
    const failures = await failuresOf((runner) =>
      sessionIssuerContract(runner, () => {
        const issuer = new ByHost();
        return { issuer, isOpen: async (id) => ![undefined, 'ended'].includes(issuer.sessions.get(id)) };
      }),
    );
    expect(Object.keys(failures)).toEqual([
      'opens a session of its own each time, by an id that nobody guesses',
      'ends every session of people from one cloud, and of no other',
    ]);
  });
});

describe('the contract of federation events', () => {
  it('fails one that says it has heard what it drops, and one that refuses a repeat', async () => {
    class Forgetful extends FederationEvents {
      readonly rows = new Map<string, FederationEvent>();

      override async tell(event: FederationEvent): Promise<void> {
        if (event.type === 'share-changed') return;
        if (this.rows.has(event.id)) throw new Error('duplicate key');
        this.rows.set(event.id, event);
      }
    }
    const failures = await failuresOf((runner) =>
      federationEventsContract(runner, () => {
        const events = new Forgetful();
        return { events, hasHeard: async (id) => events.rows.has(id) };
      }),
    );
    expect(failures).toEqual({
      'has brought an event of every type to its place when it resolves': expect.stringContaining('share-changed'),
      'takes the same event again: it is told until we know that it was heard': 'Error: duplicate key',
    });
  });

  it('closes what it was tried on, also when it failed', async () => {
    let closed = 0;
    const failures = await failuresOf((runner) =>
      federationEventsContract(runner, () => ({
        events: new InMemoryPorts().events,
        hasHeard: async () => false,
        close: async () => void closed++,
      })),
    );
    expect([Object.keys(failures).length, closed]).toEqual([4, 4]);
  });
});
