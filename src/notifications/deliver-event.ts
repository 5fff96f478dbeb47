import { Injectable } from '@nestjs/common';
import { FederationEvents } from '../host/federation-events.js';
import { type Attempt, Delivers, type Delivery, DeliveryHandler } from '../outbox/delivery-handler.js';
import type { Happened } from './event-teller.js';

/** Hands an event to the host; an adapter that throws is asked again. */
@Injectable()
@Delivers('host-event')
export class DeliverEvent extends DeliveryHandler<Happened> {
  constructor(private readonly events: FederationEvents) {
    super();
  }

  override async attempt({ id, meaning }: Delivery<Happened>): Promise<Attempt> {
    await this.events.tell({ id, ...meaning });
    return { kind: 'delivered' };
  }

  override async settled(): Promise<void> {
    return;
  }
}
