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

/**
 * Parts of a `with` that add an entry, `entry` and `unsealed`; one, if `source` has a row, else none. The queue of what has
 * no link yet is written with it: both or neither.
 * @param first number of the first of 12 parameters, the `valuesOf` an event
 */
export function entryParts(first: number, source: string): string {
  const [id, at, node, actorKind, actor, action, object, peer, outcome, details, requestId, hash] = Array.from(
    { length: 12 },
    (_, index) => `$${first + index}`,
  );
  return `
  entry as (
    insert into federation.audit_entry
      (id, at, node, actor_kind, actor, action, object, peer, outcome, details, request_id, row_hash)
    select ${id}, ${at}::timestamptz, ${node}, ${actorKind}, ${actor}, ${action}, ${object}, ${peer}, ${outcome},
      ${details}::jsonb, ${requestId}, ${hash} from ${source}
    returning id
  ),
  unsealed as (insert into federation.audit_pending (entry_id) select id from entry)`;
}

const INSERT = { name: 'audit-record', text: `with ${entryParts(1, '(select) as act')} select` };

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
    await this.transactions.prepared(INSERT, this.valuesOf(event));
    this.transactions.afterCommit(() => this.added());
  }

  /** For SQL that adds the entry together with its act, by `entryParts`; `added` follows once it has committed. */
  valuesOf(event: AuditEvent): unknown[] {
    const row = rowOf(event);
    const { id, at, node, actorKind, actor, action, object, peer, outcome, details, requestId } = row;
    const about = [action, object, peer, outcome, JSON.stringify(details), requestId];
    return [id, at, node, actorKind, actor, ...about, hashOfRow(row)];
  }

  added(): void {
    this.sealer.wake();
  }

  /** As `record`, for one act that has many objects: a thousand rows a statement. */
  async recordAll(events: readonly AuditEvent[]): Promise<void> {
    for (let from = 0; from < events.length; from += BATCH) {
      const batch = events.slice(from, from + BATCH);
      for (const event of batch) this.checkTransaction(event);
      const rows = batch.map(rowOf).map((row) => ({ ...row, rowHash: hashOfRow(row) }));
      await this.transactions.query(INSERT_ALL, [JSON.stringify(rows)]);
    }
    this.transactions.afterCommit(() => this.added());
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
