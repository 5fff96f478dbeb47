import { X509Certificate } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';
import { OwnIdentity } from './own-identity.js';

/** A certificate that somebody relies on. */
export interface CertificateInUse {
  /** `own:web`, `own:federation`, `service:<id>` or `service:<id>:web`. */
  readonly subject: string;
  /** Id of the relationship; null for our own. */
  readonly peer: string | null;
  /** Which one it is, in words. */
  readonly certificate: string;
  readonly fingerprint: string;
  readonly until: Date;
  /** What somebody here can do about its end. */
  readonly advice: string;
}

const LIVING = `r.state not in ('REVOKED', 'REJECTED')`;

// Several nodes may show several: the one that ends first counts. A node says what it shows every hour.
const SEEN = `
  select distinct on (s.subject) s.subject, s.peer, s.fingerprint, s.ends_at, s.seen_at, r.origin
  from federation.certificate_seen s left join federation.relationship r on r.id = s.peer and ${LIVING}
  where s.node = '' and r.id is not null or s.node <> '' and s.seen_at > now() - interval '3 hours'
  order by s.subject, s.ends_at`;

const FORGET = `
  delete from federation.certificate_seen s
  where s.node <> '' and s.seen_at < now() - interval '1 day'
    or s.node = '' and not exists (select from federation.relationship r where r.id = s.peer and ${LIVING})`;

/** Every certificate whose end would stop something: ours, and those of living relationships. */
@Injectable()
export class CertificatesInUse {
  constructor(
    private readonly transactions: Transactions,
    private readonly identity: OwnIdentity,
  ) {}

  async list(): Promise<CertificateInUse[]> {
    await this.transactions.query(FORGET);
    return [this.ownFederation(), ...(await this.ofPeers()), ...(await this.seen())];
  }

  private ownFederation(): CertificateInUse {
    const { certificate, pin } = this.identity.current();
    return {
      subject: 'own:federation',
      peer: null,
      certificate: 'our federation certificate',
      fingerprint: pin,
      until: endOf(certificate),
      advice: 'Peers answer 401 once it has ended: see that a new one is in use before, and that every peer has it.',
    };
  }

  private async ofPeers(): Promise<CertificateInUse[]> {
    const rows = await this.transactions.query<{ id: string; origin: string; pin: string; certificate: string }>(
      `select r.id, r.origin, r.pin, r.certificate from federation.relationship r where r.certificate is not null and ${LIVING}`,
    );
    return rows.map(({ id, origin, pin, certificate }) => ({
      subject: `service:${id}`,
      peer: id,
      certificate: `federation certificate of ${origin}`,
      fingerprint: pin,
      until: endOf(certificate),
      advice: `We answer ${origin} with 401 once it has ended: ask its operator for a new one before.`,
    }));
  }

  private async seen(): Promise<CertificateInUse[]> {
    const rows = await this.transactions.query<SeenRow>(SEEN);
    return rows.map(({ subject, peer, origin, fingerprint, ends_at: until, seen_at: seenAt }) => {
      const own = {
        certificate: 'our web certificate',
        advice: 'Neither people nor peers reach us once it has ended: put a new one, with its key, in its place.',
      };
      const theirs = {
        certificate: `web certificate of ${origin}, as we saw it on ${seenAt.toISOString().slice(0, 10)}`,
        advice: `We do not reach ${origin} once it has ended: tell its operator. POST /admin/services/${peer}/test looks again.`,
      };
      return { subject, peer, fingerprint, until, ...(peer === null ? own : theirs) };
    });
  }
}

interface SeenRow {
  readonly subject: string;
  readonly peer: string | null;
  readonly origin: string | null;
  readonly fingerprint: string;
  readonly ends_at: Date;
  readonly seen_at: Date;
}

function endOf(pem: string): Date {
  return new Date(new X509Certificate(pem).validTo);
}
