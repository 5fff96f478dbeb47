import { type DynamicModule, Module } from '@nestjs/common';
import { AccountDirectory, FederationEvents, ResourceProvider, SessionIssuer } from '../index.js';
import { InMemoryAccountDirectory } from './in-memory-account-directory.js';
import { InMemoryFederationEvents } from './in-memory-federation-events.js';
import { InMemoryResourceProvider } from './in-memory-resource-provider.js';
import { InMemorySessionIssuer } from './in-memory-session-issuer.js';

@Module({})
class InMemoryPortsModule {}

/** An adapter of every port, to fill and to look at from a test. */
export class InMemoryPorts {
  readonly accounts = new InMemoryAccountDirectory();
  readonly resources = new InMemoryResourceProvider();
  readonly sessions = new InMemorySessionIssuer();
  readonly events = new InMemoryFederationEvents();

  /** For `FederationModule.forRoot({ …, ports: ports.module() })`. */
  module(): DynamicModule {
    const providers = [
      { provide: AccountDirectory, useValue: this.accounts },
      { provide: ResourceProvider, useValue: this.resources },
      { provide: SessionIssuer, useValue: this.sessions },
      { provide: FederationEvents, useValue: this.events },
    ];
    return { module: InMemoryPortsModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}
