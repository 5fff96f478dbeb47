import { X509Certificate } from 'node:crypto';
import { type BeforeApplicationShutdown, Injectable, type OnModuleInit } from '@nestjs/common';
import { randomId } from '../kernel/ids.js';
import { Transactions } from '../persistence/transactions.js';
import { spkiPin } from '../transport/certificates.js';
import { PeerClient } from '../transport/peer-client.js';

const DAY_MS = 86_400_000;
/** Peers of which this node remembers what it noted. */
const REMEMBERED = 10_000;

const NOTE_OWN = `
  insert into federation.certificate_seen (subject, node, fingerprint, ends_at) values ('own:web', $1, $2, $3)
  on conflict (subject, node) do update set fingerprint = excluded.fingerprint, ends_at = excluded.ends_at, seen_at = now()`;

// Of several machines of a peer the one whose certificate ends last counts, for a day.
const NOTE_PEER = `
  with living as (select id from federation.relationship where id = $1 and state not in ('REVOKED', 'REJECTED')),
  noted as (
    insert into federation.certificate_seen as s (subject, peer, fingerprint, ends_at)
    select 'service:' || id || ':web', id, $2, $3::timestamptz from living
    on conflict (subject, node) do update set fingerprint = excluded.fingerprint, ends_at = excluded.ends_at, seen_at = now()
    where s.ends_at < excluded.ends_at or s.seen_at < now() - interval '1 day'
  )
  select id from living`;

/** Remembers certificates that stand in no other table: the web's, ours as each node shows it, and those of peers. */
@Injectable()
export class CertificatesSeen implements OnModuleInit, BeforeApplicationShutdown {
  private readonly node = randomId();
  private readonly noted = new Map<string, { readonly until: number; readonly at: number }>();
  private ownWeb: () => string | undefined = () => undefined;
  private writing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly transactions: Transactions,
    private readonly client: PeerClient,
  ) {}

  onModuleInit(): void {
    this.client.onAnswer(({ peer, proof }, { serverPin, serverValidUntil }) => {
      if (proof.kind === 'web') this.note(peer, serverPin, serverValidUntil);
    });
  }

  /** Who shows our web certificate says which; PEM, undefined if it is not ours to show. */
  ownWebIs(shown: () => string | undefined): void {
    this.ownWeb = shown;
  }

  /** What this node shows now. */
  async noteOwn(): Promise<void> {
    const shown = this.ownWeb();
    if (shown === undefined) return;
    const leaf = new X509Certificate(shown);
    await this.transactions.query(NOTE_OWN, [this.node, spkiPin(leaf), new Date(leaf.validTo)]);
  }

  /** A node that stops shows nothing. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.writing;
    const forget = this.transactions.query('delete from federation.certificate_seen where node = $1', [this.node]);
    // Without a database the row stays, and counts for nothing after three hours.
    await forget.catch(() => undefined);
  }

  /** At most one row a day for each peer, unless it has a certificate that lasts longer. */
  private note(peer: string, pin: string, until: Date): void {
    const known = this.noted.get(peer);
    if (known && until.getTime() <= known.until && Date.now() - known.at < DAY_MS) return;
    if (this.noted.size >= REMEMBERED) this.noted.clear();
    this.noted.set(peer, { until: until.getTime(), at: Date.now() });
    // Nobody waits for it; what could not be written, or is not a relationship yet, is seen again.
    const forget = () => this.noted.delete(peer);
    const write = this.transactions
      .query(NOTE_PEER, [peer, pin, until])
      .then((living) => living.length > 0 || forget(), forget);
    this.writing = Promise.all([this.writing, write]);
  }
}
