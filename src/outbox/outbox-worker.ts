import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { randomId } from '../kernel/ids.js';
import { runInContext } from '../kernel/request-context.js';
import { AttemptDelivery } from './attempt-delivery.js';
import { type Claim, Claims } from './claims.js';
import { Handlers } from './handlers.js';
import { OutboxBell } from './outbox-bell.js';

const POLL_MS = 1_000;
/** Attempts under way on this node, in all and towards one peer: a dead peer must not hold the others up. */
const PARALLEL = 32;
const PARALLEL_PER_PEER = 5;
/** How long attempts under way may take when the process stops; each is bounded by its own deadline anyway. */
const DRAIN_MS = 15_000;

/** Takes what is due to peers and attempts it, until the process stops. Any number of nodes do so side by side. */
@Injectable()
export class OutboxWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Outbox');
  private readonly underWay = new Map<string, { readonly claim: Claim; readonly done: Promise<void> }>();
  private timer: NodeJS.Timeout | undefined;
  private claiming: Promise<void> | undefined;
  private again = false;
  private stopped = false;

  constructor(
    private readonly claims: Claims,
    private readonly attemptDelivery: AttemptDelivery,
    private readonly handlers: Handlers,
    private readonly bell: OutboxBell,
    private readonly cloud: OwnCloud,
  ) {}

  /** While federation is switched off nobody is told anything; what is owed waits. */
  onApplicationBootstrap(): void {
    if (!this.cloud.switches.federation) return;
    this.bell.onRing((kind) => {
      if (kind === undefined || !this.handlers.findLocal(kind)) this.wake();
    });
    this.timer = setInterval(() => this.wake(), POLL_MS);
    this.wake();
  }

  /** Claims nothing more, lets attempts under way finish, gives back what was not begun or would not end. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.claiming;
    const drained = Promise.all([...this.underWay.values()].map(({ done }) => done));
    await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref())]);
    const left = [...this.underWay.values()].map(({ claim }) => claim);
    if (left.length > 0) await this.claims.release(left);
  }

  private wake(): void {
    if (this.stopped) return;
    this.again = true;
    this.claiming ??= this.claimAll().finally(() => {
      this.claiming = undefined;
      if (this.again) this.wake();
    });
  }

  private async claimAll(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        const free = PARALLEL - this.underWay.size;
        if (free <= 0) return;
        const claims = await this.claims.claim(free, PARALLEL_PER_PEER, this.underWayByPeer());
        if (this.stopped) return await this.claims.release(claims);
        for (const claim of claims) this.begin(claim);
        if (claims.length > 0) this.again = true;
      }
    } catch (error) {
      this.logger.error('cannot claim deliveries', error);
    }
  }

  private begin(claim: Claim): void {
    const actor = { kind: 'system', id: 'outbox' } as const;
    const done = runInContext({ requestId: randomId(), actor }, () => this.attemptDelivery.execute(claim))
      .catch((error: unknown) => this.logger.error(`delivery ${claim.id}`, error))
      .finally(() => {
        this.underWay.delete(claim.id);
        this.wake();
      });
    this.underWay.set(claim.id, { claim, done });
  }

  private underWayByPeer(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { claim } of this.underWay.values()) counts.set(claim.peer, (counts.get(claim.peer) ?? 0) + 1);
    return counts;
  }
}
