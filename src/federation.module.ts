import { ConfigurableModuleBuilder, type DynamicModule, Module } from '@nestjs/common';
import { AccessModule } from './access/access.module.js';
import { AuditModule } from './audit/audit.module.js';
import { FederatedLoginModule } from './federated-login/federated-login.module.js';
import type { FederationOptions } from './host/federation-options.js';
import { HostModule } from './host/host.module.js';
import { OwnCloud } from './host/own-cloud.js';
import { NotificationsModule } from './notifications/notifications.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { OutboxModule } from './outbox/outbox.module.js';
import { PersistenceModule } from './persistence/persistence.module.js';
import { SharesModule } from './shares/shares.module.js';
import { DestinationPolicy } from './transport/addresses.js';
import { TransportModule } from './transport/transport.module.js';
import { TransportSettings } from './transport/transport-settings.js';
import { TrustModule } from './trust/trust.module.js';

/** What the host brings beside its options. */
export interface FederationPorts {
  /** A module that exports adapters of `AccountDirectory`, `ResourceProvider`, `SessionIssuer` and `FederationEvents`. */
  readonly ports: DynamicModule;
}

@Module({})
class NoPorts {}

const CAPABILITIES = [
  PersistenceModule,
  AuditModule,
  AccessModule,
  OutboxModule,
  TrustModule,
  NotificationsModule,
  SharesModule,
  FederatedLoginModule,
  OperationsModule,
];

const OPTIONS = Symbol('federation options');

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<FederationOptions>({ optionsInjectionToken: OPTIONS })
  .setClassMethodName('forRoot')
  .setExtras<FederationPorts>({ ports: { module: NoPorts } }, ({ module, imports, providers }, { ports }) => ({
    module,
    imports: [HostModule.around(OPTIONS, { imports, providers }, ports), transport(), ...CAPABILITIES],
    exports: [SharesModule],
  }))
  .build();

/**
 * The federation tier of one cloud, taken into a Nest application: `FederationModule.forRoot({ ...options, ports })`, or
 * `forRootAsync({ useFactory, inject, imports, ports })`.
 */
@Module({})
export class FederationModule extends ConfigurableModuleClass {}

function transport(): DynamicModule {
  return TransportModule.forRootAsync({
    inject: [OwnCloud],
    useFactory: ({ options: { outbound = {} } }: OwnCloud) =>
      new TransportSettings({
        destinations: new DestinationPolicy([...(outbound.allowNetworks ?? [])]),
        extraRoots: [...(outbound.extraRoots ?? [])],
      }),
  });
}
