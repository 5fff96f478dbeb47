import { hostname } from 'node:os';
import { Injectable } from '@nestjs/common';
import { randomId } from '../kernel/ids.js';
import { currentContext } from '../kernel/request-context.js';
import { Transactions } from '../persistence/transactions.js';
import { type AuditDetails, type AuditRow, hashOfRow } from './audit-row.js';
import { AuditSealer } from './audit-sealer.js';
import { auditDetails, auditText } from './audit-text.js';

/** Something that an auditor will ask about. Who did it comes from the context of the request. */
export interface AuditEvent {
  /** `noun.past-participle`, one of our own words: `share.accepted`. */
  readonly action: string;
  /** `noun:id` of what it was done to. */
  readonly object: string;
  /** Id of the relationship concerned, or the origin of a stranger. */
  readonly peer?: string | null;
  /** Default `done`. */
  readonly outcome?: 'done' | 'refused';
  readonly details?: AuditDetails;
}

/** Which process recorded it, and whose clock its time is. */
const NODE = `${hostname()}/${process.pid}`;

// One round trip. The queue of what has no link yet is written with the row: both or neither.
const INSERT = `
  with entry as (
    insert into federation.audit_entry
      (id, at, node, actor_kind, actor, action, object, peer, outcome, details, request_id, row_hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    returning id
  )
  insert into federation.audit_pending (entry_id) select id from entry`;

const INSERT_ALL = `
  with entry as (
    insert into federation.audit_entry
      (id, at, node, actor_kind, actor, action, object, peer, outcome, details, request_id, row_hash)
    select id, at, node, "actorKind", actor, action, object, peer, outcome, details, "requestId", "rowHash"
    from jsonb_to_recordset($1::jsonb) as r (id text, at timestamptz, node text, "actorKind" text, actor text, action text,
      object text, peer text, outcome text, details jsonb, "requestId" text, "rowHash" text)
    returning id
  )
  insert into federation.audit_pending (entry_id) select id from entry`;

const BATCH = 1_000;

/** The append-only trail of what was done here, by whom. */
@Injectable()
export class AuditTrail {
  constructor(
    private readonly transactions: Transactions,
    private readonly sealer: AuditSealer,
  ) {}

  /**
   * Records an event in the caller's transaction: an act and its row are committed together or not at all.
   * Texts longer than 1,000 characters are cut.
   * @throws Error if no transaction is running: the row would survive an act that fails.
   */
  async record(event: AuditEvent): Promise<void> {
    this.checkTransaction(event);
    const row = rowOf(event);
    await this.transactions.query(INSERT, [
      row.id,
      row.at,
      row.node,
      row.actorKind,
      row.actor,
      row.action,
      row.object,
      row.peer,
      row.outcome,
      JSON.stringify(row.details),
      row.requestId,
      hashOfRow(row),
    ]);
    this.transactions.afterCommit(() => this.sealer.wake());
  }

  /** The same for one act that has many objects: a thousand rows a statement. */
  async recordAll(events: readonly AuditEvent[]): Promise<void> {
    for (let from = 0; from < events.length; from += BATCH) {
      const batch = events.slice(from, from + BATCH);
      for (const event of batch) this.checkTransaction(event);
      const rows = batch.map(rowOf).map((row) => ({ ...row, rowHash: hashOfRow(row) }));
      await this.transactions.query(INSERT_ALL, [JSON.stringify(rows)]);
    }
    this.transactions.afterCommit(() => this.sealer.wake());
  }

  private checkTransaction({ action }: AuditEvent): void {
    if (!this.transactions.isRunning()) throw new Error(`audit of ${action} outside of a transaction`);
  }
}

function rowOf({ action, object, peer, outcome = 'done', details = {} }: AuditEvent): AuditRow {
  const { actor, requestId } = currentContext();
  return {
    id: randomId(),
    // The process's time, so that it can be hashed before the row is sent; the order of the chain does not rest on it.
    at: new Date().toISOString().replace('Z', '000Z'),
    node: NODE,
    actorKind: actor.kind,
    actor: auditText(actor.id),
    action,
    object: auditText(object),
    peer: typeof peer === 'string' ? auditText(peer) : null,
    outcome,
    details: auditDetails(details),
    requestId: auditText(requestId),
  };
}
