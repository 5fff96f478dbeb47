import { X509Certificate } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { currentContext, runInContext } from '../kernel/request-context.js';
import { Transactions } from '../persistence/transactions.js';
import type { JudgedKey } from './judged-copies.js';
import { PeerKeys } from './peer-keys.js';
import type { PresentedCertificate } from './presented-certificate.js';
import { PresentedKeys } from './presented-keys.js';
import { Relationships } from './relationships.js';
import { Seldom } from './seldom.js';

const MINUTE = 60_000;

/** A peer has shown a key of its own: an announced one becomes the current one, a newer certificate is kept for display. */
@Injectable()
export class SeeKey {
  private readonly renewals = new Seldom(MINUTE, 1_000);
  /** By pin: many calls may bring a new key at once. */
  private readonly switching = new Map<string, Promise<void>>();

  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly peerKeys: PeerKeys,
    private readonly presentedKeys: PresentedKeys,
    private readonly audit: AuditTrail,
  ) {}

  async execute({ peer, role, certificate }: JudgedKey, shown: PresentedCertificate): Promise<void> {
    if (role === 'announced') await this.once(shown.pin, () => this.promote(peer.id, shown.pin));
    else if (role === 'current' && certificate !== shown.certificate && this.renewals.isDue(peer.id)) {
      await this.keepNewer(peer.id, shown);
    }
  }

  private async once(pin: string, work: () => Promise<void>): Promise<void> {
    const switching = this.switching.get(pin) ?? work().finally(() => this.switching.delete(pin));
    this.switching.set(pin, switching);
    await switching;
  }

  /** On whichever node it is seen first; whoever comes later finds it done. */
  private promote(id: string, pin: string): Promise<void> {
    return this.onBehalfOf(id, async () => {
      const row = await this.relationships.lock(id);
      const announced = await this.peerKeys.announced(id);
      if (announced?.pin !== pin) return;
      const until = await this.peerKeys.promote(row, announced);
      const details = { before: row.pin ?? '', fingerprint: pin, oldUntil: until.toISOString() };
      await this.audit.record({ action: 'trust.key-switched', object: `service:${id}`, peer: id, details });
      await this.presentedKeys.forget(id, pin);
    });
  }

  /** Certificates over one key need no announcement. Two that are shown in turns are not written in turns. */
  private async keepNewer(id: string, { pin, certificate, validFrom }: PresentedCertificate): Promise<void> {
    const known = await this.relationships.find(id);
    if (known?.pin !== pin || known.certificate === certificate) return;
    if (known.certificate !== null && startOf(known.certificate) >= validFrom) return;
    await this.onBehalfOf(id, async () => {
      const rows = await this.transactions.query(
        `update federation.relationship set certificate = $3
         where id = $1 and pin = $2 and certificate is not distinct from $4 returning id`,
        [id, pin, certificate, known.certificate],
      );
      if (rows.length === 0) return;
      await this.audit.record({
        action: 'trust.certificate-renewed',
        object: `service:${id}`,
        peer: id,
        details: { fingerprint: pin, validFrom: validFrom.toISOString() },
      });
    });
  }

  private onBehalfOf(id: string, work: () => Promise<void>): Promise<void> {
    const { requestId } = currentContext();
    return runInContext({ requestId, actor: { kind: 'peer', id } }, () => this.transactions.run(work));
  }
}

function startOf(certificate: string): Date {
  return new Date(new X509Certificate(certificate).validFrom);
}
