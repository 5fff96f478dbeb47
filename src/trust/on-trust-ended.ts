import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Origin } from '../kernel/origin.js';

/** A relationship that has just ended. */
export interface EndedTrust {
  /** Id of the relationship. */
  readonly relationship: string;
  readonly origin: Origin;
}

/** What must end with a relationship: shares, tokens, sessions. Runs inside the transaction that ends the trust. */
export abstract class TrustEndHandler {
  abstract trustEnded(ended: EndedTrust): Promise<void>;
}

/** Marks a `TrustEndHandler`; the higher room registers itself, trust never calls up. */
export const OnTrustEnded = DiscoveryService.createDecorator<void>();

@Injectable()
export class TrustEndHandlers implements OnModuleInit {
  private readonly handlers: TrustEndHandler[] = [];

  constructor(private readonly discovery: DiscoveryService) {}

  onModuleInit(): void {
    for (const { instance } of this.discovery.getProviders({ metadataKey: OnTrustEnded.KEY })) {
      if (instance instanceof TrustEndHandler) this.handlers.push(instance);
    }
  }

  async run(ended: EndedTrust): Promise<void> {
    for (const handler of this.handlers) await handler.trustEnded(ended);
  }
}
