import { Injectable } from '@nestjs/common';
import { FederationEvents } from '../host/federation-events.js';
import { Delivers, type Delivery, LocalHandler } from '../outbox/delivery-handler.js';
import type { Happened } from './event-teller.js';

/** Hands an event to the host; an adapter that throws is asked again. */
@Injectable()
@Delivers('host-event')
export class DeliverEvent extends LocalHandler<Happened> {
  constructor(private readonly events: FederationEvents) {
    super();
  }

  override tell({ id, meaning }: Delivery<Happened>): Promise<void> {
    return this.events.tell({ id, ...meaning });
  }
}
