import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { randomId } from '../kernel/ids.js';
import { HOST_IN_PROCESS, runInContext } from '../kernel/request-context.js';
import { type Claim, Claims, FenceLost } from './claims.js';
import { Handlers } from './handlers.js';
import { OutboxBell } from './outbox-bell.js';
import { TellLocally } from './tell-locally.js';

const POLL_MS = 1_000;
/** So that what is enqueued one by one is claimed and settled together. */
const GATHER_MS = 40;
/** How many that it has claimed this node tells at once. */
const PARALLEL = 100;
/** How many that it has enqueued itself it tells at once, with all that waits to be settled; others are left to be claimed. */
const MOST = 1_000;
/** How long those under way may take when the process stops. */
const DRAIN_MS = 15_000;

type UnderWay = Map<string, { readonly claim: Claim; readonly done: Promise<void> }>;

/**
 * Tells what is meant for this process itself. The promises, leases and fences are those of deliveries to peers; but there
 * is an event for every share, so that they are claimed and settled by the batch: two statements for all of a turn.
 */
@Injectable()
export class LocalWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Outbox');
  /** Enqueued under a lease of this node. However many they are, they keep nothing from being claimed. */
  private readonly own: UnderWay = new Map();
  private readonly claimed: UnderWay = new Map();
  private readonly told: Claim[] = [];
  private givenBack: Promise<unknown> = Promise.resolve();
  private poll: NodeJS.Timeout | undefined;
  /** Set from the first wake to the end of the turn that it leads to. */
  private turn: { readonly timer: NodeJS.Timeout; done?: Promise<void> } | undefined;
  private again = false;
  private stopped = false;

  constructor(
    private readonly claims: Claims,
    private readonly handlers: Handlers,
    private readonly tellLocally: TellLocally,
    private readonly bell: OutboxBell,
    private readonly cloud: OwnCloud,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.cloud.switches.federation || this.handlers.localKinds.length === 0) return;
    this.bell.onRing((kind, claim) => {
      if (claim) this.begin([claim], this.own);
      else if (kind === undefined || this.handlers.findLocal(kind)) this.wake();
    });
    this.bell.takesLocal = () => !this.stopped && this.own.size + this.told.length < MOST;
    this.poll = setInterval(() => this.wake(), POLL_MS);
    this.wake();
  }

  /** Begins nothing more, settles what was told, gives the rest back. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.poll);
    clearTimeout(this.turn?.timer);
    await this.turn?.done;
    const drained = Promise.all(this.underWay().map(({ done }) => done));
    await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref())]);
    await this.settleTold();
    this.giveBack(this.underWay().map(({ claim }) => claim));
    await this.givenBack;
  }

  private underWay() {
    return [...this.own.values(), ...this.claimed.values()];
  }

  private wake(after = GATHER_MS): void {
    this.again = true;
    if (this.turn || this.stopped) return;
    const timer = setTimeout(() => {
      if (this.turn) this.turn.done = this.takeTurn();
    }, after);
    this.turn = { timer };
  }

  private async takeTurn(): Promise<void> {
    this.again = false;
    const free = PARALLEL - this.claimed.size;
    let claimed = 0;
    try {
      await this.settleTold();
      const claims = free > 0 && !this.stopped ? await this.claims.claimLocal(free) : [];
      this.begin(claims, this.claimed);
      claimed = claims.length;
    } catch (error) {
      this.logger.error('cannot take a turn', error);
    }
    this.turn = undefined;
    if (claimed > 0 || this.again) this.wake(claimed === PARALLEL ? 0 : GATHER_MS);
  }

  /** What was promised before a stop, and committed after it, need not wait for the end of its lease either. */
  private begin(claims: readonly Claim[], among: UnderWay): void {
    if (this.stopped) this.giveBack(claims);
    else for (const claim of claims) this.tell(claim, among);
  }

  private tell(claim: Claim, among: UnderWay): void {
    // What the host does about what it is told is the host's.
    const done = runInContext({ requestId: randomId(), actor: HOST_IN_PROCESS }, () => this.tellLocally.execute(claim))
      .then((isTold) => void (isTold && this.told.push(claim)))
      .catch((error: unknown) => this.logger.error(`delivery ${claim.id}`, error))
      .finally(() => {
        among.delete(claim.id);
        this.wake();
      });
    among.set(claim.id, { claim, done });
  }

  private giveBack(claims: readonly Claim[]): void {
    if (claims.length === 0) return;
    const release = this.claims.release(claims).catch((error: unknown) => {
      this.logger.error('what is left waits for the end of its lease', error);
    });
    this.givenBack = Promise.all([this.givenBack, release]);
  }

  private async settleTold(): Promise<void> {
    const told = this.told.splice(0);
    if (told.length === 0) return;
    const settled = await this.claims.settleAll(told);
    for (const { id } of told) if (!settled.has(id)) this.logger.warn(new FenceLost(id).message);
  }
}
