import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Delivers, DeliveryHandler, LocalHandler } from './delivery-handler.js';

/** Who delivers which kind, as the capabilities have registered themselves. */
@Injectable()
export class Handlers implements OnModuleInit {
  private readonly calling = new Map<string, DeliveryHandler>();
  private readonly local = new Map<string, LocalHandler>();

  constructor(private readonly discovery: DiscoveryService) {}

  onModuleInit(): void {
    for (const wrapper of this.discovery.getProviders({ metadataKey: Delivers.KEY })) {
      const kind = this.discovery.getMetadataByDecorator(Delivers, wrapper);
      const instance: unknown = wrapper.instance;
      if (kind === undefined) continue;
      if (this.calling.has(kind) || this.local.has(kind)) throw new TypeError(`two handlers deliver ${kind}`);
      if (instance instanceof DeliveryHandler) this.calling.set(kind, instance);
      else if (instance instanceof LocalHandler) this.local.set(kind, instance);
    }
  }

  /** Of what is said to a peer. */
  find(kind: string): DeliveryHandler | undefined {
    return this.calling.get(kind);
  }

  /** Of what is told within this process. */
  findLocal(kind: string): LocalHandler | undefined {
    return this.local.get(kind);
  }

  /** The kinds that are told within this process. */
  get localKinds(): string[] {
    return [...this.local.keys()];
  }
}
