import { type IssuedCertificate, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import type { TestCloud } from '../support/cloud.js';
import type { CallOptions, CallResult, HostilePeer } from '../support/hostile-peer.js';

/** A day in milliseconds. */
const DAY = 86_400_000;

export function inDays(days: number): string {
  return new Date(Date.now() + days * DAY).toISOString();
}

/** The peer announces its next certificate; under its first one, unless `as` is another. */
export function announce(
  peer: HostilePeer,
  cloud: TestCloud,
  certificate: string,
  { as = peer.credential, switchBy = inDays(7) }: { as?: IssuedCertificate; switchBy?: unknown } = {},
): Promise<CallResult> {
  const body = { certificate, switchBy };
  return peer.call(cloud.endpoint, { method: 'PUT', path: '/federation/trust/certificate', body, as });
}

/** Status of a ping under this certificate. */
export async function ping(peer: HostilePeer, cloud: TestCloud, as = peer.credential, more: CallOptions = {}) {
  return (await peer.call(cloud.endpoint, { method: 'POST', path: '/federation/ping', as, ...more })).status;
}

/** Another key of the peer. */
export function anotherKey({ host }: HostilePeer): Promise<IssuedCertificate> {
  return makeSelfSignedCertificate(host);
}

export interface KeysSeen {
  readonly fingerprint: string;
  readonly announced: { fingerprint: string; switchBy: string } | null;
  readonly presented: { fingerprint: string; certificate: string; at: string; network: string } | null;
  readonly missedOurKey: boolean;
}

/** What the operator sees of the peer's keys. */
export function keysOf(cloud: TestCloud, id: string): Promise<KeysSeen> {
  return cloud.json<KeysSeen>('GET', `/admin/services/${id}`);
}

interface AlertSeen {
  readonly kind: string;
  readonly subject: string;
  readonly peer: string | null;
  readonly level: string;
  readonly times: number;
  readonly details: Record<string, string>;
}

/** Open alerts of one kind. */
export async function alertsOf(cloud: TestCloud, kind: string): Promise<AlertSeen[]> {
  const { items } = await cloud.json<{ items: AlertSeen[] }>('GET', '/admin/alerts?state=open');
  return items.filter((alert) => alert.kind === kind);
}

export async function auditOf(cloud: TestCloud, action: string): Promise<Record<string, string>[]> {
  const sql = 'select details from federation.audit_entry where action = $1 order by at';
  return (await cloud.rows<{ details: Record<string, string> }>(sql, action)).map(({ details }) => details);
}
