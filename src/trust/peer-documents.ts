import { Injectable } from '@nestjs/common';
import { Origin } from '../kernel/origin.js';
import type { Attempt } from '../outbox/delivery-handler.js';
import { attemptCall } from '../outbox/judge-answer.js';
import { PeerClient } from '../transport/peer-client.js';
import { PeerEndpoints } from './peer-endpoints.js';
import type { TrustRequestRow } from './relationship.entity.js';
import { FINGERPRINT } from './services.dto.js';

export type Reading =
  | { readonly kind: 'read'; readonly endpoint: Origin; readonly fingerprint: string }
  /** It could not be fetched. */
  | { readonly kind: 'retry'; readonly reason: string; readonly retryAfterSeconds?: number }
  /** The origin has no such document, or one that names another host. */
  | { readonly kind: 'none' };

/**
 * What a cloud's public origin says of its listener for peers (`GET /federation`), over TLS verified by roots and name.
 * Fetched only after our operator has decided to deal with that origin.
 */
@Injectable()
export class PeerDocuments {
  constructor(
    private readonly endpoints: PeerEndpoints,
    private readonly client: PeerClient,
  ) {}

  async read(peer: string, origin: string): Promise<Reading> {
    const call = { method: 'GET', path: '/federation' } as const;
    const attempt = await attemptCall(this.client, this.endpoints.ofOrigin(peer, origin), call);
    if (attempt.kind === 'retry') return attempt;
    return (attempt.kind === 'delivered' && parse(attempt.answer?.body, origin)) || { kind: 'none' };
  }

  /**
   * A listener of its own shows a certificate that no root vouches for: that the one who claims an origin runs it, only the
   * origin itself can say. Undefined if there is no doubt.
   */
  async doubtAbout({ id, origin, endpoint, pin }: TrustRequestRow): Promise<Attempt | undefined> {
    if (endpoint === origin) return undefined;
    const reading = await this.read(id, origin);
    if (reading.kind === 'retry') return reading;
    const isTheirs = reading.kind === 'read' && reading.endpoint.toString() === endpoint && reading.fingerprint === pin;
    return isTheirs ? undefined : { kind: 'refused', code: 'ENDPOINT_NOT_CONFIRMED' };
  }
}

function parse(body: unknown, at: string): Reading | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { origin, endpoint, fingerprint } = body as Record<string, unknown>;
  const parsed = Origin.tryParse(endpoint);
  const isItself = origin === at && parsed?.host === Origin.parse(at).host;
  if (!parsed || !isItself || typeof fingerprint !== 'string' || !FINGERPRINT.test(fingerprint)) return undefined;
  return { kind: 'read', endpoint: parsed, fingerprint };
}
