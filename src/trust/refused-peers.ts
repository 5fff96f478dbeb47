import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Alerts, type Raised } from '../audit/alerts.js';
import { randomId } from '../kernel/ids.js';
import { runInContext } from '../kernel/request-context.js';
import { Transactions } from '../persistence/transactions.js';
import type { PresentedCertificate } from './presented-certificate.js';
import { Relationships } from './relationships.js';
import type { Verdict } from './verdict.js';

const KIND = 'peer-certificate-refused';
const FLUSH_EVERY = 1_000;
/** One write for a relationship, on each node. */
const RAISE_EVERY = 60_000;
/** How long a node may not know that another has raised an alert. */
const LOOK_EVERY = 30_000;

/**
 * Peers that hold the pinned key, and are refused for something else in their certificate: an alert, since it is a mistake
 * of theirs or the end of a certificate, and never a stranger. Requests only leave a note; a timer writes. Notes are kept
 * for relationships only, so that nobody can make them many. Settled when the peer is let in again, on whichever node.
 */
@Injectable()
export class RefusedPeers implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Trust');
  private readonly waiting = new Map<string, Raised>();
  private readonly raisedAt = new Map<string, number>();
  private readonly open = new Set<string>();
  private readonly letIn = new Set<string>();
  private lookedAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly alerts: Alerts,
    private readonly relationships: Relationships,
    private readonly transactions: Transactions,
  ) {}

  /** Called with every verdict. */
  note(verdict: Verdict, certificate: PresentedCertificate): void {
    if (!verdict.peer) return;
    const { id, origin } = verdict.peer;
    if (verdict.kind === 'trusted' || verdict.kind === 'suspended') {
      if (this.waiting.delete(id) || this.open.has(id)) this.letIn.add(id);
    } else {
      this.letIn.delete(id);
      this.waiting.set(id, alertOf(verdict.kind, id, origin.toString(), certificate));
    }
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.flush(), FLUSH_EVERY).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /** Writes what was noted. If that fails, it is noted again by the next request. */
  flush(): Promise<void> {
    this.flushing = this.flushing.then(() => this.flushNow());
    return this.flushing;
  }

  private async flushNow(): Promise<void> {
    try {
      await runInContext({ requestId: randomId(), actor: { kind: 'system', id: 'trust' } }, async () => {
        await this.look();
        for (const [id, alert] of this.waiting) await this.raise(id, alert);
        for (const id of this.letIn) await this.settle(id);
      });
    } catch (error) {
      this.logger.warn(`alerts about refused peers are late: ${error}`);
    }
  }

  /** Which alerts are open, whoever raised them. */
  private async look(): Promise<void> {
    if (performance.now() - this.lookedAt < LOOK_EVERY) return;
    this.lookedAt = performance.now();
    const open = await this.alerts.openPeers(KIND);
    this.open.clear();
    for (const id of open) this.open.add(id);
  }

  private async raise(id: string, alert: Raised): Promise<void> {
    const now = performance.now();
    const isSoon = now - (this.raisedAt.get(id) ?? Number.NEGATIVE_INFINITY) < RAISE_EVERY;
    this.waiting.delete(id);
    if (isSoon) return;
    for (const [known, at] of this.raisedAt) if (now - at >= RAISE_EVERY) this.raisedAt.delete(known);
    await this.transactions.run(async () => {
      // It may have ended since, and with it all its alerts.
      if (await this.relationships.isLive(id)) await this.alerts.raise(alert);
    });
    this.raisedAt.set(id, now);
    this.open.add(id);
  }

  private async settle(id: string): Promise<void> {
    await this.alerts.settle(KIND, subjectOf(id));
    this.open.delete(id);
    this.letIn.delete(id);
  }
}

function alertOf(reason: string, id: string, origin: string, certificate: PresentedCertificate): Raised {
  const { host = null, validFrom, validTo } = certificate;
  const dates = { validFrom: textOf(validFrom), validTo: textOf(validTo) };
  const details = { origin, reason, host, ...dates };
  return { kind: KIND, subject: subjectOf(id), peer: id, level: 'warning', stage: reason, details };
}

function subjectOf(id: string): string {
  return `service:${id}`;
}

/** Null for a date that cannot be read. */
function textOf(date: Date): string | null {
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
