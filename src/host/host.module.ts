import type { InjectionToken } from '@nestjs/common';
import { type DynamicModule, Module } from '@nestjs/common';
import type { FederationOptions } from './federation-options.js';
import { OwnCloud } from './own-cloud.js';

/** What the host application supplies: its options, parsed once, and the adapters of its ports. Everyone may ask for them. */
@Module({})
export class HostModule {
  /**
   * @param options how the options come about: the providers and imports that make `token` available
   * @param ports exports an adapter of each port
   */
  static around(
    token: InjectionToken,
    options: Pick<DynamicModule, 'imports' | 'providers'>,
    ports: DynamicModule,
  ): DynamicModule {
    const ownCloud = { provide: OwnCloud, inject: [token], useFactory: (own: FederationOptions) => new OwnCloud(own) };
    return {
      module: HostModule,
      global: true,
      imports: [...(options.imports ?? []), ports],
      providers: [...(options.providers ?? []), ownCloud],
      exports: [OwnCloud, ports],
    };
  }
}
