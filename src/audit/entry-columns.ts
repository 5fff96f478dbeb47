import { momentText } from '../persistence/keyset.js';
import type { AuditRow } from './audit-row.js';

/** An entry `e` as the database gives it; `id` and `row_hash` are null where an outer join found none. */
export interface EntryColumns {
  readonly id: string | null;
  readonly at: string;
  readonly node: string;
  readonly actor_kind: AuditRow['actorKind'];
  readonly actor: string;
  readonly action: string;
  readonly object: string;
  readonly peer: string | null;
  readonly outcome: AuditRow['outcome'];
  readonly details: AuditRow['details'];
  readonly request_id: string;
  readonly row_hash: string | null;
}

export const ENTRY_COLUMNS = `e.id, ${momentText('e.at')} as at, e.node, e.actor_kind, e.actor, e.action, e.object, e.peer,
  e.outcome, e.details, e.request_id, e.row_hash`;

export function rowFrom(columns: EntryColumns): AuditRow {
  return {
    id: columns.id ?? '',
    at: columns.at,
    node: columns.node,
    actorKind: columns.actor_kind,
    actor: columns.actor,
    action: columns.action,
    object: columns.object,
    peer: columns.peer,
    outcome: columns.outcome,
    details: columns.details,
    requestId: columns.request_id,
  };
}
