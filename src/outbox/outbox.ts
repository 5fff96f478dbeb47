import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { randomId } from '../kernel/ids.js';
import type { SealContext, Secret } from '../kernel/secret.js';
import { Transactions } from '../persistence/transactions.js';
import { LEASE_SECONDS } from './claims.js';
import { DeliveryRow } from './delivery.entity.js';
import { Handlers } from './handlers.js';
import { HELD } from './holds.js';
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
 * @param first number of the first of 8 parameters, the `values` of a promise
 * @param reason SQL: why it waits from the start; of what is told within the process nothing is held
 */
export function deliveryPart(first: number, source: string, reason = 'null'): string {
  const [id, kind, peer, orderingKey, meaning, sealed, horizon, isLeased] = Array.from(
    { length: 8 },
    (_, index) => `$${first + index}`,
  );
  return `
  delivery as (
    insert into federation.delivery
      (id, kind, peer, ordering_key, meaning, sealed, state, expires_at, attempts, fence, lease_until, reason)
    select ${id}, ${kind}, ${peer}, ${orderingKey}, ${meaning}::jsonb, ${sealed}, 'waiting',
      now() + make_interval(secs => ${horizon}), ${isLeased}::boolean::int, ${isLeased}::boolean::int,
      case when ${isLeased}::boolean then now() + make_interval(secs => ${LEASE_SECONDS}) end, ${reason} from ${source}
  )`;
}

const REASON = `(select '${HELD}' from federation.delivery_hold h where h.peer = $3)`;
const ENQUEUE = { name: 'outbox-enqueue', text: `with ${deliveryPart(1, '(select) as act', REASON)} select` };

/** A delivery for SQL that enqueues it together with its act. */
export interface Promised {
  readonly id: string;
  /** For `deliveryPart`. */
  readonly values: readonly unknown[];
  /** To be called once it has committed. */
  committed(): void;
}

/** All of one peer's that is as named. */
export interface Cancelled {
  readonly peer: string;
  readonly kinds?: readonly string[];
  readonly orderingKey?: string;
  /** What the meaning says among other things. */
  readonly meaning?: Readonly<Record<string, string>>;
}

/** Where acts leave what is to be told to a peer: a row in the transaction of the act, sent after its commit. */
@Injectable()
export class Outbox {
  constructor(
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
    private readonly handlers: Handlers,
    private readonly bell: OutboxBell,
  ) {}

  /** Returns the delivery's id. @throws Error outside of a transaction: what is told must be true when it is told. */
  async enqueue(delivery: Enqueued): Promise<string> {
    if (!this.transactions.isRunning()) throw new Error('a delivery is enqueued in the transaction of its act');
    const { id, values, committed } = this.promise(delivery, false);
    await this.transactions.prepared(ENQUEUE, [...values]);
    this.transactions.afterCommit(committed);
    return id;
  }

  /**
   * The first delivery of its ordering key, for SQL that enqueues it together with its act. What is told within the process
   * is told by this node right after the commit: nobody has to claim it, unless this node dies.
   */
  promiseFirst(delivery: Enqueued): Promised {
    return this.promise(delivery, this.handlers.findLocal(delivery.kind) !== undefined && this.bell.takesLocal());
  }

  private promise(delivery: Enqueued, isLeased: boolean): Promised {
    const id = randomId();
    const { kind, peer, orderingKey, meaning, secret, horizon = HORIZON.ordinary } = delivery;
    const sealed = secret ? this.cloud.sealKey.seal(secret, sealContext(id, peer)) : null;
    const values = [id, kind, peer, orderingKey, JSON.stringify(meaning), sealed, horizon, isLeased];
    const claim = { id, kind, peer, meaning, sealed, attempts: 1, fence: '1', expired: false };
    return { id, values, committed: () => this.bell.ring(kind, isLeased ? claim : undefined) };
  }

  /** Takes back what is still waiting; an attempt under way finds its fence gone. */
  async cancel(which: Cancelled) {
    await this.transactions.query(
      `update federation.delivery
       set state = 'cancelled', sealed = null, settled_at = now(), lease_until = null
       where peer = $1 and state = 'waiting'
         and ($2::text[] is null or kind = any ($2)) and ($3::text is null or ordering_key = $3)
         and ($4::jsonb is null or meaning @> $4)`,
      [
        which.peer,
        which.kinds ?? null,
        which.orderingKey ?? null,
        which.meaning ? JSON.stringify(which.meaning) : null,
      ],
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
