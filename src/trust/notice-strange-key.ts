import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { Clock } from '../kernel/clock.js';
import { networkOf } from '../kernel/network.js';
import { Transactions } from '../persistence/transactions.js';
import type { PresentedCertificate } from './presented-certificate.js';
import { type Candidate, PresentedKeys } from './presented-keys.js';
import { Seldom } from './seldom.js';
import { objectionTo } from './verdict.js';

const MINUTE = 60_000;
/** Characters of PEM: ours have some 700. */
const MAX_CERTIFICATE = 16_384;

/** As the index `relationship_host` spells it. */
const NAMED = `
  select id, origin, pin from federation.relationship
  where substring(origin from '^https://([^:/]+)') = $1 and state in ('TRUSTED', 'SUSPENDED') order by origin limit 10`;

/**
 * A key that we do not know, in a certificate that names the host of a peer. The peer may have lost its key; or somebody
 * wants to be taken for it, which is as easy as making a certificate. Nothing changes but what our operator sees.
 */
@Injectable()
export class NoticeStrangeKey implements BeforeApplicationShutdown {
  private readonly logger = new Logger(NoticeStrangeKey.name);
  /** Strangers must not make us write with each call. */
  private readonly writing = new Seldom(MINUTE, 1_000);
  private readonly underWay = new Set<Promise<void>>();

  constructor(
    private readonly transactions: Transactions,
    private readonly presentedKeys: PresentedKeys,
    private readonly clock: Clock,
  ) {}

  /** @returns whether the certificate names a peer. Every stranger is looked up alike, and nobody waits for what is written. */
  async execute(shown: PresentedCertificate, address: string): Promise<boolean> {
    if (shown.host === undefined || objectionTo(shown, this.clock.now())) return false;
    const candidates = await this.transactions.query<Candidate>(NAMED, [shown.host]);
    const due = candidates.filter(({ id }) => this.writing.isDue(id));
    if (due.length > 0 && shown.certificate.length <= MAX_CERTIFICATE) {
      this.inBackground(this.keep(due, shown, networkOf(address, 32), candidates));
    }
    return candidates.length > 0;
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.underWay);
  }

  private async keep(due: Candidate[], shown: PresentedCertificate, network: string, all: Candidate[]): Promise<void> {
    const origins = all.map(({ origin }) => origin).join(' ');
    for (const candidate of due) {
      await this.transactions.run(() => this.presentedKeys.keep(candidate, shown, network, origins));
    }
  }

  private inBackground(work: Promise<void>): void {
    const done = work
      .catch((error: unknown) => this.logger.error(`a peer’s key that was not announced: ${String(error)}`))
      .finally(() => this.underWay.delete(done));
    this.underWay.add(done);
  }
}
