import { Injectable } from '@nestjs/common';

/** Wakes the worker of this node when something was enqueued; the poll catches what other nodes enqueue. */
@Injectable()
export class OutboxBell {
  private listener: (() => void) | undefined;

  ring(): void {
    this.listener?.();
  }

  /** One worker listens per process. */
  onRing(listener: () => void): void {
    this.listener = listener;
  }
}
