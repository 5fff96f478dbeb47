import type { SealKey } from '../kernel/secret.js';
import type { Claim } from './claims.js';
import type { Attempt, Delivery } from './delivery-handler.js';
import { sealContext } from './outbox.js';

/** One attempt in milliseconds, whatever its handler does: well within the lease, so that no second one meets it. */
const ATTEMPT_MS = 45_000;

/** A claim as its handler sees it. @throws SealBroken */
export function openDelivery({ id, peer, meaning, sealed, attempts }: Claim, sealKey: SealKey): Delivery<unknown> {
  const secret = sealed === null ? undefined : sealKey.open(sealed, sealContext(id, peer));
  return { id, peer, meaning, secret, attempt: attempts };
}

/** How the attempt ended, or that it did not in time. */
export async function inTime(attempt: Promise<Attempt>): Promise<Attempt> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Attempt>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'retry', reason: 'timeout' }), ATTEMPT_MS).unref();
  });
  return Promise.race([attempt, late]).finally(() => clearTimeout(timer));
}
