import { Injectable } from '@nestjs/common';

/** @param kind what was enqueued; undefined: look at everything */
type Listener = (kind?: string) => void;

/** Wakes the workers of this node when something was enqueued; the poll catches what other nodes enqueue. */
@Injectable()
export class OutboxBell {
  private readonly listeners: Listener[] = [];

  ring(kind?: string): void {
    for (const listener of this.listeners) listener(kind);
  }

  onRing(listener: Listener): void {
    this.listeners.push(listener);
  }
}
