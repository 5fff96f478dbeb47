import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { vi } from 'vitest';
import { type FederationEvent, FederationEvents } from '../../src/host/federation-events.js';
import { OutboxBell } from '../../src/outbox/outbox-bell.js';
import type { TestCloud } from '../support/cloud.js';
import type { CallResult } from '../support/hostile-peer.js';
import type { ScriptedPeer } from './trusted-peer.js';

export type Json = Record<string, unknown>;

export function bodyOf(answer: CallResult): Json {
  if (typeof answer.json !== 'object' || answer.json === null) throw new Error(`no JSON: ${answer.text}`);
  return answer.json as Json;
}

export function randomName(): string {
  return randomBytes(9).toString('base64url');
}

/** An offer in PowerFolder's flavour, from somebody of the peer, as the reference shows it. */
export function offer(peer: ScriptedPeer, shareWith: string, more: Json = {}): Json {
  return {
    shareId: randomName(),
    owner: `alice@${peer.host}`,
    shareWith,
    permission: 'read_write',
    name: 'foo',
    description: 'foobar',
    providerId: 'cec0c932ce01',
    protocol: [{ name: 'pf_classic', options: { access_token: `token-${randomName()}` } }],
    ...more,
  };
}

/** What the host of a cloud is told, from now on. */
export function listenTo(cloud: TestCloud): FederationEvent[] {
  const told: FederationEvent[] = [];
  vi.spyOn(cloud.get(FederationEvents), 'tell').mockImplementation(async (event) => {
    told.push(event);
  });
  return told;
}

export interface AuditRow {
  readonly action: string;
  readonly object: string;
  readonly outcome: string;
  readonly peer: string;
  readonly details: Json;
}

/** Audit rows about one share, oldest first. */
export function auditOf(cloud: TestCloud, share: string): Promise<AuditRow[]> {
  const objects = [`incoming-share:${share}`, `outgoing-share:${share}`];
  return cloud.rows<AuditRow>('select * from federation.audit_entry where object = any ($1) order by at, id', objects);
}

export interface Outgoing {
  readonly id: string;
  readonly shareId: string;
  readonly state: string;
  readonly reason: string | null;
  readonly permission: string;
  readonly name: string;
  readonly description: string | null;
  readonly expiresAt: string | null;
  readonly delivery: { state: string; attempts: number; nextAttempt: string | null; reason: string | null } | null;
}

export interface Incoming {
  readonly id: string;
  readonly shareId: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly confirmed: boolean;
  readonly permission: string;
  readonly name: string;
  readonly description: string | null;
  readonly expiresAt: string | null;
}

export function outgoing(cloud: TestCloud, id: string): Promise<Outgoing> {
  return cloud.json<Outgoing>('GET', `/api/v1/shares/outgoing/${id}`);
}

export function incoming(cloud: TestCloud, id: string): Promise<Incoming> {
  return cloud.json<Incoming>('GET', `/api/v1/shares/incoming/${id}`);
}

export async function introspect(cloud: TestCloud, token: string): Promise<Json> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return bodyOf(
    await cloud.api('POST', '/api/v1/access/introspect', `token=${encodeURIComponent(token)}`, { headers }),
  );
}

/** Makes what waits for another attempt due, and has it attempted now. */
export async function deliverNow(cloud: TestCloud): Promise<void> {
  await cloud.retryNow();
  cloud.get(OutboxBell).ring();
}

/** Runs the work while another session holds a transaction open at that point, which then ends as named. */
export async function whileHolding(
  cloud: TestCloud,
  sql: string,
  end: 'commit' | 'rollback',
  work: () => Promise<void>,
): Promise<void> {
  const holder = new pg.Client({ connectionString: cloud.databaseUrl });
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query(sql);
    await work();
    await holder.query(end);
  } finally {
    await holder.end();
  }
}

/** Everything readable in a cloud's database: `table.column` and the text. */
export async function everyText(cloud: TestCloud): Promise<{ place: string; content: string }[]> {
  const [columns] = await cloud.rows<{ query: string }>(`
    select string_agg(format('select %L as place, %I::text as content from %I.%I where %I is not null',
      table_name || '.' || column_name, column_name, table_schema, table_name, column_name), ' union all ') as query
    from information_schema.columns
    where table_schema = 'federation' and data_type in ('text', 'jsonb', 'json', 'bytea', 'ARRAY', 'character varying')`);
  return cloud.rows<{ place: string; content: string }>(columns?.query ?? '');
}
