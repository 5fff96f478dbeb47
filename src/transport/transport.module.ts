import { type DynamicModule, type FactoryProvider, Module, type ModuleMetadata } from '@nestjs/common';
import { PeerClient } from './peer-client.js';
import { ReplacePeerRoots } from './replace-peer-roots.js';
import { TransportSettings } from './transport-settings.js';

/** How the settings come about: as in any Nest factory provider. */
export interface TransportModuleOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: FactoryProvider<TransportSettings>['useFactory'];
}

@Module({})
export class TransportModule {
  /** Global, because every capability that calls peers does it through the one PeerClient. */
  static forRootAsync({ imports, inject, useFactory }: TransportModuleOptions): DynamicModule {
    return {
      module: TransportModule,
      global: true,
      imports,
      providers: [{ provide: TransportSettings, inject, useFactory }, PeerClient, ReplacePeerRoots],
      exports: [PeerClient, ReplacePeerRoots],
    };
  }
}
