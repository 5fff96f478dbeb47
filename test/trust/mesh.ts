import { X509Certificate } from 'node:crypto';
import { OutboxBell } from '../../src/outbox/outbox-bell.js';
import { type CertificateAuthority, type IssuedCertificate, spkiPin } from '../../src/transport/certificates.js';
import { eventually, serviceOf, type TestCloud } from '../support/cloud.js';
import { type CallResult, HostilePeer } from '../support/hostile-peer.js';

/** A hostile peer with a web certificate that clouds of this authority believe. */
export async function hostileAt(host: string, authority: CertificateAuthority, port?: number): Promise<HostilePeer> {
  return HostilePeer.start({ host, webCertificate: await authority.issue(host), port });
}

export function pinOf({ certificate }: IssuedCertificate): string {
  return spkiPin(new X509Certificate(certificate));
}

export interface Introduction {
  readonly origin: string;
  readonly endpoint: string;
  readonly displayName: string;
  readonly domains: readonly string[];
  readonly code: string;
  readonly version: string;
}

export const CODE = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA';

/** What a peer says of itself; `values` replaces parts of it. */
export function introduction(origin: string, values: Partial<Introduction> = {}): Introduction {
  const host = new URL(origin).hostname;
  return { origin, endpoint: origin, displayName: host, domains: [host], code: CODE, version: '1', ...values };
}

export function ask(peer: HostilePeer, cloud: TestCloud, values: Partial<Introduction> = {}, as = peer.credential) {
  const body = introduction(peer.origin, values);
  return peer.call(cloud.endpoint, { method: 'POST', path: '/federation/trust-requests', body, as });
}

export function confirm(
  peer: HostilePeer,
  cloud: TestCloud,
  values: Partial<Introduction> & { readonly decision?: string } = {},
  as = peer.credential,
): Promise<CallResult> {
  const body = { decision: 'accepted', ...introduction(peer.origin, values) };
  return peer.call(cloud.endpoint, { method: 'POST', path: '/federation/trust-confirmations', body, as });
}

/** What reached the peer at this path, decoded. */
export function received(peer: HostilePeer, path: string): Record<string, unknown>[] {
  return peer.requests
    .filter((request) => request.path === path)
    .map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

/** The cloud's operator adds the peer; gives the code that the cloud sent it. */
export async function added(cloud: TestCloud, peer: HostilePeer): Promise<{ id: string; code: string }> {
  const before = received(peer, '/federation/trust-requests').length;
  const { id } = await cloud.json<{ id: string }>('POST', '/admin/services', { url: peer.origin });
  const request = await eventually('the request arrives', async () => {
    return received(peer, '/federation/trust-requests')[before];
  });
  return { id, code: String(request.code) };
}

/** The cloud asks the peer, the peer confirms: trusted, as far as the cloud knows. */
export async function trusted(cloud: TestCloud, peer: HostilePeer): Promise<{ id: string; code: string }> {
  const asked = await added(cloud, peer);
  const answer = await confirm(peer, cloud, { code: asked.code });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return asked;
}

/** One relationship or request by its id, as the operator sees it. */
export async function service(cloud: TestCloud, id: string) {
  return cloud.json<{ state: string; reason: string | null; domains: string[]; proposedDomains: string[] }>(
    'GET',
    `/admin/services/${id}`,
  );
}

export async function stateOf(cloud: TestCloud, id: string): Promise<string> {
  return (await service(cloud, id)).state;
}

export function becomes(cloud: TestCloud, id: string, state: string) {
  return eventually(`${id} becomes ${state}`, async () => {
    const seen = await service(cloud, id);
    return seen.state === state && seen;
  });
}

export function goneFrom(cloud: TestCloud, origin: string) {
  return eventually(`${origin} is gone`, async () => !(await serviceOf(cloud, origin)));
}

/** Makes waiting deliveries due again and again, until the probe holds: what takes minutes in life takes a moment. */
export function impatiently<T>(
  what: string,
  clouds: readonly TestCloud[],
  probe: () => Promise<T | undefined | false>,
) {
  return eventually(what, async () => {
    for (const cloud of clouds) {
      await cloud.retryNow();
      cloud.get(OutboxBell).ring();
    }
    return probe();
  });
}

/** As if the cloud had never met anybody. */
export async function forgetAll(...clouds: readonly TestCloud[]): Promise<void> {
  for (const cloud of clouds) {
    await againAfterDeadlock(async () => {
      await cloud.rows('truncate federation.delivery, federation.trust_request, federation.relationship_domain');
      await cloud.rows('delete from federation.relationship');
    });
  }
}

/** Emptying tables takes locks in an order that no act does; the cloud may be about to settle something. */
async function againAfterDeadlock(work: () => Promise<void>, attempts = 5): Promise<void> {
  try {
    await work();
  } catch (error) {
    if ((error as { code?: string }).code !== '40P01' || attempts === 1) throw error;
    await againAfterDeadlock(work, attempts - 1);
  }
}

/** Stops whatever was started, in any number; what never came to be is passed over. */
export async function stopAll(...started: readonly ({ stop(): Promise<void> } | undefined)[]): Promise<void> {
  await Promise.all(started.map((each) => each?.stop()));
}
