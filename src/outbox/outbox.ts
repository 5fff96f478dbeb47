import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { randomId } from '../kernel/ids.js';
import type { SealContext, Secret } from '../kernel/secret.js';
import { Transactions } from '../persistence/transactions.js';
import { DeliveryRow } from './delivery.entity.js';
import { OutboxBell } from './outbox-bell.js';

const DAY = 24 * 60 * 60;
/** How long we keep trying, in seconds. */
export const HORIZON = { ordinary: 5 * DAY, request: 14 * DAY, withdrawal: 30 * DAY } as const;

export interface Enqueued {
  readonly kind: string;
  /** Id of the relationship. */
  readonly peer: string;
  /** Deliveries with the same key are sent one after the other, in the order of enqueueing. */
  readonly orderingKey: string;
  readonly meaning: object;
  readonly secret?: Secret;
  /** Seconds; one of `HORIZON`. */
  readonly horizon?: number;
}

/**
 * A part of a `with` that enqueues a delivery, named `delivery`; one, if `source` has a row, else none.
 * @param first number of the first of 7 parameters, the `valuesOf` a delivery
 */
export function deliveryPart(first: number, source: string): string {
  const [id, kind, peer, orderingKey, meaning, sealed, horizon] = Array.from(
    { length: 7 },
    (_, at) => `$${first + at}`,
  );
  return `
  delivery as (
    insert into federation.delivery (id, kind, peer, ordering_key, meaning, sealed, state, expires_at)
    select ${id}, ${kind}, ${peer}, ${orderingKey}, ${meaning}::jsonb, ${sealed}, 'waiting',
      now() + make_interval(secs => ${horizon}) from ${source}
  )`;
}

const ENQUEUE = { name: 'outbox-enqueue', text: `with ${deliveryPart(1, '(select) as act')} select` };

/** Where acts leave what is to be told to a peer: a row in the transaction of the act, sent after its commit. */
@Injectable()
export class Outbox {
  constructor(
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
    private readonly bell: OutboxBell,
  ) {}

  /** Returns the delivery's id. @throws Error outside of a transaction: what is told must be true when it is told. */
  async enqueue(delivery: Enqueued): Promise<string> {
    if (!this.transactions.isRunning()) throw new Error('a delivery is enqueued in the transaction of its act');
    const id = randomId();
    await this.transactions.prepared(ENQUEUE, this.valuesOf(id, delivery));
    this.transactions.afterCommit(() => this.added(delivery.kind));
    return id;
  }

  /** For SQL that enqueues together with its act, by `deliveryPart`; `added` follows once it has committed. */
  valuesOf(id: string, { kind, peer, orderingKey, meaning, secret, horizon = HORIZON.ordinary }: Enqueued): unknown[] {
    const sealed = secret ? this.cloud.sealKey.seal(secret, sealContext(id, peer)) : null;
    return [id, kind, peer, orderingKey, JSON.stringify(meaning), sealed, horizon];
  }

  added(kind: string): void {
    this.bell.ring(kind);
  }

  /** Takes back what is still waiting; an attempt under way finds its fence gone. */
  async cancel(which: { readonly peer: string; readonly kinds?: readonly string[]; readonly orderingKey?: string }) {
    await this.transactions.query(
      `update federation.delivery
       set state = 'cancelled', sealed = null, settled_at = now(), lease_until = null
       where peer = $1 and state = 'waiting'
         and ($2::text[] is null or kind = any ($2)) and ($3::text is null or ordering_key = $3)`,
      [which.peer, which.kinds ?? null, which.orderingKey ?? null],
    );
  }

  find(id: string): Promise<DeliveryRow | null> {
    return this.transactions.repository(DeliveryRow).findOneBy({ id });
  }
}

/** The secret of a delivery opens in its own row only. */
export function sealContext(delivery: string, peer: string): SealContext {
  return ['delivery', delivery, peer];
}
