import { Injectable } from '@nestjs/common';
import type { FederationEvent } from '../host/federation-events.js';
import { type Enqueued, Outbox } from '../outbox/outbox.js';

/** What happened, as an act knows it; the id comes with the delivery. */
export type Happened = Omit<FederationEvent, 'id'>;

/** Queue of the host's own events: told by the same engine as peers are, so that none is lost between commit and telling. */
const HOST = 'host';

/** Tells the host what a person should hear of, once the act has committed. */
@Injectable()
export class EventTeller {
  constructor(private readonly outbox: Outbox) {}

  async tell(event: Happened): Promise<void> {
    await this.outbox.enqueue(this.deliveryOf(event));
  }

  /** For SQL that enqueues it together with its act. */
  deliveryOf(event: Happened): Enqueued {
    return { kind: 'host-event', peer: HOST, orderingKey: `event:${event.share}`, meaning: event };
  }
}
