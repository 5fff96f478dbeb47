import { describe, it } from 'vitest';
import { FederatedAddress } from '../../src/index.js';
import {
  accountDirectoryContract,
  federationEventsContract,
  InMemoryPorts,
  resourceProviderContract,
  sessionIssuerContract,
} from '../../src/testing/index.js';

const runner = { describe, it };
const DOMAIN = 'cloud1.example';

accountDirectoryContract(runner, () => {
  const { accounts } = new InMemoryPorts();
  return {
    directory: accounts,
    domain: DOMAIN,
    add: async ({ name, ...more }) => accounts.add(`${name}@${DOMAIN}`, more).id,
    remove: async (id) => accounts.remove(id),
  };
});

resourceProviderContract(runner, () => {
  const { resources } = new InMemoryPorts();
  const account = (name: string) => ({
    id: name,
    username: FederatedAddress.parse(`${name}@${DOMAIN}`),
    displayName: name,
  });
  return {
    provider: resources,
    owner: account('alice'),
    other: account('bob'),
    add: async (owner) => {
      resources.add(owner, `plans-of-${owner.id}`);
      return `plans-of-${owner.id}`;
    },
    remove: async (owner, resource) => resources.remove(owner, resource),
  };
});

sessionIssuerContract(runner, () => {
  const { sessions } = new InMemoryPorts();
  return { issuer: sessions, isOpen: async (session) => sessions.personOf(session) !== undefined };
});

federationEventsContract(runner, () => {
  const { events } = new InMemoryPorts();
  return { events, hasHeard: async (id) => events.all.some((event) => event.id === id) };
});
