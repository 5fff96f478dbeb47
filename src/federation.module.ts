import { ConfigurableModuleBuilder, type DynamicModule, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AccessModule } from './access/access.module.js';
import { declaredAudiencesOf } from './access/declared-audiences.js';
import { AuditModule } from './audit/audit.module.js';
import { FederatedLoginModule } from './federated-login/federated-login.module.js';
import type { FederationOptions } from './host/federation-options.js';
import { HostModule } from './host/host.module.js';
import { OwnCloud } from './host/own-cloud.js';
import { NotificationsModule } from './notifications/notifications.module.js';
import { OperationsModule, type OptionalRoutes } from './operations/operations.module.js';
import { requireAdapter, requireSameProxy } from './operations/require-adapter.js';
import { OutboxModule } from './outbox/outbox.module.js';
import { PersistenceModule } from './persistence/persistence.module.js';
import { SharesModule } from './shares/shares.module.js';
import { DestinationPolicy } from './transport/addresses.js';
import { OutboundProxy } from './transport/outbound-proxy.js';
import { TransportModule } from './transport/transport.module.js';
import { TransportSettings } from './transport/transport-settings.js';
import { TrustModule } from './trust/trust.module.js';

/** What the host brings beside its options. */
export interface FederationPorts {
  /** A module that exports adapters of `AccountDirectory`, `ResourceProvider`, `SessionIssuer` and `FederationEvents`. */
  readonly ports: DynamicModule;
  /** Makes the acts injectable in every module of the host. Default false: in modules that import this one. */
  readonly isGlobal?: boolean;
  /** Routes of ours that the host does without, because it has its own under the same paths. Default: none. */
  readonly withoutRoutes?: readonly OptionalRoutes[];
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
];

const OPTIONS = Symbol('federation options');
/** The same, once it is known that the application can serve our routes: before a database is opened for them. */
const ADMITTED = Symbol('federation options of a fitting application');

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<FederationOptions>({ optionsInjectionToken: OPTIONS })
  .setClassMethodName('forRoot')
  .setExtras<FederationPorts>({ ports: { module: NoPorts } }, (own, { ports, isGlobal, withoutRoutes = [] }) => ({
    module: own.module,
    global: isGlobal,
    imports: [options(own, ports), transport(), ...CAPABILITIES, OperationsModule.without(withoutRoutes)],
    exports: [SharesModule],
  }))
  .build();

/**
 * The federation tier of one cloud, taken into a Nest application: `FederationModule.forRoot({ ...options, ports })`, or
 * `forRootAsync({ useFactory, inject, imports, ports })`.
 */
@Module({ providers: [declaredAudiencesOf([...CAPABILITIES, OperationsModule])] })
export class FederationModule extends ConfigurableModuleClass {}

function options({ imports, providers = [] }: DynamicModule, ports: DynamicModule): DynamicModule {
  const admitted = {
    provide: ADMITTED,
    inject: [OPTIONS, HttpAdapterHost],
    useFactory: (given: FederationOptions, host: HttpAdapterHost) => {
      requireAdapter(host);
      requireSameProxy(host, given);
      return given;
    },
  };
  return HostModule.around(ADMITTED, { imports, providers: [...providers, admitted] }, ports);
}

function transport(): DynamicModule {
  return TransportModule.forRootAsync({
    inject: [OwnCloud],
    useFactory: ({ options: { outbound = {} } }: OwnCloud) =>
      new TransportSettings({
        destinations: new DestinationPolicy([...(outbound.allowNetworks ?? [])]),
        extraRoots: [...(outbound.extraRoots ?? [])],
        proxy: outbound.proxy && OutboundProxy.parse(outbound.proxy),
      }),
  });
}
