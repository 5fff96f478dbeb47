import { Injectable } from '@nestjs/common';
import type { Claim } from './claims.js';

/**
 * @param kind what was enqueued; undefined: look at everything
 * @param claim the delivery, if it was enqueued under a lease of this node
 */
type Listener = (kind?: string, claim?: Claim) => void;

/** Wakes the workers of this node when something was enqueued; the poll catches what other nodes enqueue. */
@Injectable()
export class OutboxBell {
  private readonly listeners: Listener[] = [];
  /** Whether a worker of this node takes deliveries that are told within the process, as they come. */
  takesLocal: () => boolean = () => false;

  ring(kind?: string, claim?: Claim): void {
    for (const listener of this.listeners) listener(kind, claim);
  }

  onRing(listener: Listener): void {
    this.listeners.push(listener);
  }
}
