import { X509Certificate } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { NotFound, ValidationFailed } from '../kernel/federation-error.js';
import { Origin } from '../kernel/origin.js';
import { momentText, type Page, pageOf, parseCursor, parseLimit } from '../persistence/keyset.js';
import { Transactions } from '../persistence/transactions.js';
import { OWN_KEY_MISSED } from './own-rotation.entity.js';
import type { PeerPolicy } from './relationship.entity.js';
import type { LastTestDto } from './service-test.dto.js';
import type { ServiceDto } from './services.dto.js';
import { TRUSTED_BY_HAND } from './trusted-by-hand.js';

/** Relationships, and the requests that wait for an answer, as one list. */
const SERVICES = `
  select r.id, r.origin, r.display_name, r.state, r.reason, r.since,
    coalesce(r.pin, (select q.pin from federation.trust_request q where q.id = r.id)) as fingerprint, r.created_at,
    coalesce((select jsonb_object_agg(d.domain, d.status) from federation.relationship_domain d
              where d.relationship_id = r.id), '{}') as domains,
    ${TRUSTED_BY_HAND} as by_hand, r.policy, r.review_at, r.security_contact, r.proposed_display_name,
    r.proposed_security_contact,
    coalesce(r.certificate, (select q.certificate from federation.trust_request q where q.id = r.id)) as certificate
  from federation.relationship r
  union all
  select q.id, q.origin, q.display_name, 'INVITED', null, q.created_at, q.pin, q.created_at,
    coalesce((select jsonb_object_agg(domain, 'proposed') from jsonb_array_elements_text(q.domains) as domain), '{}'), false, '{}'::jsonb, null,
    null, null, null, q.certificate
  from federation.trust_request q where q.state = 'pending' and q.expires_at > now()`;

const WITH_NEXT_ATTEMPT = `
  select s.*, ${momentText('s.created_at')} as cursor_at,
    (select min(d.due_at) from federation.delivery d where d.peer = s.id and d.state = 'waiting'
     and s.state <> 'SUSPENDED') as next_attempt,
    (select d.reason from federation.delivery d where d.peer = s.id and d.state = 'waiting' and d.reason is not null
     order by d.due_at limit 1) as delivery_reason,
    (select jsonb_strip_nulls(to_jsonb(t)) from federation.relationship_test t where t.relationship_id = s.id) as last_test,
    (select jsonb_build_object('fingerprint', k.pin, 'switchBy', k.switch_by) from federation.relationship_key k
     where k.relationship_id = s.id and k.role = 'announced') as announced,
    (select jsonb_build_object('fingerprint', p.pin, 'certificate', p.certificate, 'at', p.at, 'network', p.network)
     from federation.presented_key p where p.relationship_id = s.id and p.pin <> s.fingerprint) as presented,
    exists (select from federation.alert a
      where a.peer = s.id and a.kind = '${OWN_KEY_MISSED}' and a.settled_at is null) as missed_our_key
  from (${SERVICES}) s`;

export interface ServicesQuery {
  readonly cursor?: unknown;
  readonly limit?: unknown;
  readonly reviewDue?: unknown;
}

/** What an operator sees of the clouds around us. */
@Injectable()
export class ListServices {
  constructor(
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
  ) {}

  /** Newest first; or of those alone whose review is due. @throws ValidationFailed for a bad parameter. */
  async execute(query: ServicesQuery): Promise<Page<ServiceDto>> {
    const cursor = parseCursor(query.cursor);
    const limit = parseLimit(query.limit);
    const rows = await this.transactions.query<ServiceRow>(
      `${WITH_NEXT_ATTEMPT} where ($1::timestamptz is null or (s.created_at, s.id) < ($1, $2))
         and (not $4 or (s.review_at <= now() and s.state not in ('REVOKED', 'REJECTED')))
       order by s.created_at desc, s.id desc limit $3`,
      [cursor?.at ?? null, cursor?.id ?? null, limit + 1, isFlag(query.reviewDue, 'reviewDue')],
    );
    return pageOf(
      rows,
      limit,
      (row) => ({ at: row.cursor_at, id: row.id }),
      (row) => this.describe(row),
    );
  }

  /** @throws NotFound */
  async one(id: string): Promise<ServiceDto> {
    const [row] = await this.transactions.query<ServiceRow>(`${WITH_NEXT_ATTEMPT} where s.id = $1`, [id]);
    if (!row) throw new NotFound();
    return this.describe(row);
  }

  private describe(row: ServiceRow): ServiceDto {
    const { host } = Origin.parse(row.origin);
    const having = (status: string) => Object.keys(row.domains).filter((domain) => row.domains[domain] === status);
    const own = this.cloud.domains.includes(host) ? [] : [host];
    return {
      id: row.id,
      origin: row.origin,
      displayName: row.display_name,
      state: row.state,
      reason: row.reason ?? row.delivery_reason,
      since: row.since.toISOString(),
      nextAttempt: row.next_attempt?.toISOString() ?? null,
      fingerprint: row.fingerprint,
      certificateUntil: row.certificate && new Date(new X509Certificate(row.certificate).validTo).toISOString(),
      announced: row.announced && { ...row.announced, switchBy: isoText(row.announced.switchBy) },
      presented: row.presented && { ...row.presented, at: isoText(row.presented.at) },
      missedOurKey: row.missed_our_key,
      domains: [...new Set([...own, ...having('effective')])],
      proposedDomains: having('proposed').filter((domain) => domain !== host),
      trustedByHand: row.by_hand,
      securityContact: row.security_contact,
      reviewAt: row.review_at?.toISOString() ?? null,
      proposed: { displayName: row.proposed_display_name, securityContact: row.proposed_security_contact },
      policy: row.policy,
      lastTest: row.last_test && lastTest(row.last_test),
    };
  }
}

/** A flag of a query: `true`, `false`, or left out. @throws ValidationFailed */
function isFlag(value: unknown, name: string): boolean {
  if (value !== undefined && value !== 'true' && value !== 'false') throw ValidationFailed.of(name, 'INVALID');
  return value === 'true';
}

function lastTest({ at, ok, step, reason }: LastTestDto): LastTestDto {
  return { at: isoText(at), ok, step, reason };
}

/** Moments inside of JSON come as PostgreSQL spells them. */
function isoText(moment: string): string {
  return new Date(moment).toISOString();
}

interface ServiceRow {
  readonly review_at: Date | null;
  readonly security_contact: string | null;
  readonly proposed_display_name: string | null;
  readonly proposed_security_contact: string | null;
  readonly id: string;
  readonly origin: string;
  readonly display_name: string;
  readonly state: string;
  readonly reason: string | null;
  readonly since: Date;
  readonly fingerprint: string | null;
  readonly certificate: string | null;
  readonly announced: ServiceDto['announced'];
  readonly presented: ServiceDto['presented'];
  readonly missed_our_key: boolean;
  readonly domains: Record<string, string>;
  readonly by_hand: boolean;
  readonly policy: PeerPolicy;
  readonly cursor_at: string;
  readonly next_attempt: Date | null;
  readonly delivery_reason: string | null;
  readonly last_test: LastTestDto | null;
}
