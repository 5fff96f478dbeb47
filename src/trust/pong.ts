import { FINGERPRINT } from './services.dto.js';

/** What a peer sees of us, as it answers `POST /federation/ping`. */
export interface Pong {
  /** Its clock. */
  readonly now: Date;
  /** Of the certificate that it saw. */
  readonly fingerprintSeen: string;
  readonly relationship: string;
}

/** RFC 3339 with a zone: without one it would be read in ours. */
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** Undefined if it is not what a ping is answered with. */
export function readPong(body: unknown): Pong | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { now, fingerprintSeen, relationship } = body as Record<string, unknown>;
  if (typeof now !== 'string' || typeof fingerprintSeen !== 'string' || typeof relationship !== 'string')
    return undefined;
  const moment = new Date(MOMENT.test(now) ? now : Number.NaN);
  if (Number.isNaN(moment.getTime()) || !FINGERPRINT.test(fingerprintSeen)) return undefined;
  return { now: moment, fingerprintSeen, relationship };
}
