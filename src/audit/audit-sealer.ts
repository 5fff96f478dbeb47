import { setTimeout } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';
import { type ChainHead, EMPTY_CHAIN, HeadProof } from './audit-head.js';
import { hashOfLink } from './audit-row.js';
import { Pause } from './pause.js';

/** The letters "enteSeal" read as a 64-bit integer: whoever holds it is the one who extends the chain. */
const SEAL_LOCK = '7308613709869932908';
const BATCH = 1_000;
/** Milliseconds: without news, after a commit on this node (so that commits gather), and at most after errors. */
const IDLE = 500;
const GATHER = 200;
const LONGEST_BACKOFF = 30_000;

interface PendingRow {
  readonly entry_id: string;
  readonly row_hash: string;
}

interface SealedHead extends ChainHead {
  readonly proof?: string;
}

// Entries of transactions that are still open are not seen and are simply sealed later: the chain is in the order of
// sealing, which never changes afterwards.
const PENDING = `
  select p.entry_id, e.row_hash from federation.audit_pending p join federation.audit_entry e on e.id = p.entry_id
  order by p.position limit ${BATCH}`;

const LINK = `
  with sealed as (delete from federation.audit_pending where entry_id = any($2::text[])),
  head as (
    insert into federation.audit_head (id, position, hash, proof) values ('self', $4, $5, $6)
    on conflict (id) do update set position = excluded.position, hash = excluded.hash, proof = excluded.proof
  )
  insert into federation.audit_link (position, entry_id, hash)
  select * from unnest($1::bigint[], $2::text[], $3::text[])`;

/**
 * Links committed entries into the hash chain, in batches, within a second. Acts do not wait for it: a chain extended in
 * their transactions would make them queue for one row. Every node runs one; an advisory lock makes them take turns.
 */
@Injectable()
export class AuditSealer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(AuditSealer.name);
  private readonly pause = new Pause();
  private loop: Promise<void> | undefined;
  private stopping = false;

  constructor(
    private readonly transactions: Transactions,
    private readonly proof: HeadProof,
  ) {}

  onApplicationBootstrap(): void {
    this.loop = this.run();
  }

  /** Seals what there is while the database is still connected; entries of requests that are still finishing are left to the next start. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    this.pause.end();
    await this.loop;
    await this.sealAll().catch((error: unknown) => this.logger.warn(`the last entries are not sealed yet: ${error}`));
  }

  /** There is something to seal. */
  wake(): void {
    this.pause.end();
  }

  /** Seals everything that is committed. Returns how many entries were sealed here. */
  async sealAll(): Promise<number> {
    let total = 0;
    for (let sealed = BATCH; sealed === BATCH; total += sealed) sealed = await this.sealBatch();
    return total;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.stopping) {
      try {
        await this.pause.begin(failures === 0 ? IDLE : Math.min(IDLE * 2 ** failures, LONGEST_BACKOFF));
        await setTimeout(GATHER, undefined, { ref: false });
        if (await this.hasWork()) await this.sealAll();
        failures = 0;
      } catch (error) {
        failures = Math.min(failures + 1, 10);
        this.logger.warn(`sealing the audit trail failed, will try again: ${error}`);
      }
    }
  }

  private async hasWork(): Promise<boolean> {
    const rows = await this.transactions.query('select from federation.audit_pending limit 1');
    return rows.length > 0;
  }

  private sealBatch(): Promise<number> {
    return this.transactions.run(async () => {
      // A statement of its own: the ones after it see what the holder before us committed.
      const [lock] = await this.transactions.query<{ mine: boolean }>(
        `select pg_try_advisory_xact_lock(${SEAL_LOCK}) as mine`,
      );
      if (!lock?.mine) return 0;
      const pending = await this.transactions.query<PendingRow>(PENDING);
      if (pending.length > 0) await this.link(pending);
      return pending.length;
    });
  }

  private async link(pending: readonly PendingRow[]): Promise<void> {
    let head = await this.end();
    const links = pending.map((row) => {
      head = { position: head.position + 1, hash: hashOfLink(head.hash, row.row_hash) };
      return head;
    });
    await this.transactions.query(LINK, [
      links.map((link) => link.position),
      pending.map((row) => row.entry_id),
      links.map((link) => link.hash),
      head.position,
      head.hash,
      this.proof.of(head),
    ]);
  }

  /**
   * What the next link follows. If the end of the chain is not the one that we vouched for, somebody was at it: one
   * position is left out, so that going on does not cover it up.
   */
  private async end(): Promise<ChainHead> {
    const [link] = await this.ends(`select position, hash from federation.audit_link order by position desc limit 1`);
    const [head] = await this.ends(`select position, hash, proof from federation.audit_head`);
    if (!link && !head) return EMPTY_CHAIN;
    if (
      link &&
      head &&
      link.position === head.position &&
      link.hash === head.hash &&
      this.proof.of(head) === head.proof
    ) {
      return head;
    }
    this.logger.error('the end of the audit chain is not as it was sealed: verify the chain');
    return { position: Math.max(link?.position ?? 0, head?.position ?? 0) + 1, hash: link?.hash ?? EMPTY_CHAIN.hash };
  }

  private async ends(sql: string): Promise<SealedHead[]> {
    const rows = await this.transactions.query<SealedHead>(sql);
    return rows.map((row) => ({ ...row, position: Number(row.position) }));
  }
}
