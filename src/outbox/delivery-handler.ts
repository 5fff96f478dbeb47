import { DiscoveryService } from '@nestjs/core';
import type { Secret } from '../kernel/secret.js';
import type { PeerAnswer } from '../transport/peer-answer.js';

/** A delivery as its handler sees it. */
export interface Delivery<Meaning> {
  /** Also the `Idempotency-Key`: every attempt carries the same. */
  readonly id: string;
  /** Id of the relationship. */
  readonly peer: string;
  readonly meaning: Meaning;
  readonly secret?: Secret;
  /** Counts from 1. */
  readonly attempt: number;
}

/** How one attempt ended. */
export type Attempt =
  | { readonly kind: 'delivered'; readonly answer?: PeerAnswer }
  /** The peer said no, for good. `code`: its error code, or `HTTP_` and the status. */
  | { readonly kind: 'refused'; readonly code: string; readonly answer?: PeerAnswer }
  | { readonly kind: 'retry'; readonly reason: string; readonly retryAfterSeconds?: number }
  /** What is left to say has lost its sense; nobody is told. */
  | { readonly kind: 'pointless'; readonly reason: string };

/** How a delivery ended, for the act that asked for it. */
export type Settlement = Exclude<Attempt, { kind: 'retry' }> | { readonly kind: 'expired'; readonly reason: string };

/**
 * Knows how to say one kind of thing. `attempt` runs outside of any transaction and may call the peer; `settled` runs in
 * the transaction that records the outcome, locks what it changes, and checks its state again.
 */
export abstract class DeliveryHandler<Meaning = unknown> {
  abstract attempt(delivery: Delivery<Meaning>): Promise<Attempt>;
  abstract settled(delivery: Delivery<Meaning>, settlement: Settlement): Promise<void>;
}

/**
 * Knows how to tell one kind of thing within this process: no peer is called, nothing follows from it. Such deliveries
 * are taken and settled many at a time. What throws is told again later; what succeeded may be told again too.
 */
export abstract class LocalHandler<Meaning = unknown> {
  abstract tell(delivery: Delivery<Meaning>): Promise<void>;
}

/** Marks the class that delivers one kind: `@Delivers('share-offer')`. */
export const Delivers = DiscoveryService.createDecorator<string>();
