import { createHash } from 'node:crypto';
import type { Actor } from '../kernel/request-context.js';

/** Facts beside the fixed columns. Never a secret. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null>>;

/** What `federation.audit_entry` holds, apart from its hash. */
export interface AuditRow {
  readonly id: string;
  /** UTC with microseconds, `2026-01-31T23:59:59.123000Z`: what is hashed is what is stored. */
  readonly at: string;
  readonly node: string;
  readonly actorKind: Actor['kind'];
  readonly actor: string;
  /** What was done, `noun.past-participle`: `token.issued`. */
  readonly action: string;
  /** To what, `noun:id`: `token:Zk3…`. */
  readonly object: string;
  /** Id of the relationship concerned, or the origin of a stranger. */
  readonly peer: string | null;
  readonly outcome: 'done' | 'refused';
  readonly details: AuditDetails;
  readonly requestId: string;
}

/** The spelling that is hashed; another spelling needs another word, so that old rows still verify. */
const FORM = 'entente-audit-1';

/**
 * SHA-256, base64url, over the UTF-8 of one JSON array without white space: the form's name, then the columns in the
 * order of `AuditRow`; details as an array of [key, value], ordered by key in UTF-16 code units. The order in which jsonb
 * gives back its keys makes no difference.
 */
export function hashOfRow(row: AuditRow): string {
  const details = Object.entries(row.details).sort(([a], [b]) => (a < b ? -1 : 1));
  const { id, at, node, actorKind, actor, action, object, peer, outcome, requestId } = row;
  const columns = [FORM, id, at, node, actorKind, actor, action, object, peer, outcome, details, requestId];
  return sha256(JSON.stringify(columns));
}

/** What the first link follows. */
export const CHAIN_START = 'entente-audit-chain-1';

/** Hash of a link: SHA-256, base64url, over the hash of the link before, a line feed and the hash of the row. */
export function hashOfLink(previous: string, rowHash: string): string {
  return sha256(`${previous}\n${rowHash}`);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
