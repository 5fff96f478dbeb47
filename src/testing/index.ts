// The testing kit, `entente/testing`: for hosts that write adapters of the ports, and tests of applications around us.
export {
  type AccountDirectoryUnderTest,
  type AccountToAdd,
  accountDirectoryContract,
} from './account-directory-contract.js';
export type { TestRunner, UnderTest } from './contract.js';
export { type FederationEventsUnderTest, federationEventsContract } from './federation-events-contract.js';
export { InMemoryAccountDirectory } from './in-memory-account-directory.js';
export { InMemoryFederationEvents } from './in-memory-federation-events.js';
export { InMemoryPorts } from './in-memory-ports.js';
export { InMemoryResourceProvider } from './in-memory-resource-provider.js';
export { InMemorySessionIssuer } from './in-memory-session-issuer.js';
export { type ResourceProviderUnderTest, resourceProviderContract } from './resource-provider-contract.js';
export { type SessionIssuerUnderTest, sessionIssuerContract } from './session-issuer-contract.js';
export { ThrowawayAuthority } from './throwaway-authority.js';
