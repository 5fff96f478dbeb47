import { readRefusal } from '../ocm/receipt.js';
import type { PeerAnswer } from '../transport/peer-answer.js';
import type { PeerClient } from '../transport/peer-client.js';
import type { PeerEndpoint } from '../transport/peer-endpoint.js';
import { TransportFailure } from '../transport/transport-failure.js';
import type { Attempt } from './delivery-handler.js';

/** Statuses after which repeating the same words cannot help. */
const FINAL = new Set([400, 404, 405, 409, 410, 413, 415, 422, 501]);

export interface CallOptions {
  /** Further statuses that are final for this kind of delivery. */
  readonly alsoFinal?: readonly number[];
  /** Codes that are about the moment, whatever their status: `NOT_ENABLED` while sharing is switched off there. */
  readonly passing?: readonly string[];
}

type Call = Parameters<PeerClient['send']>[1];

/** Makes the call and says what its outcome means for the delivery. */
export async function attemptCall(
  client: PeerClient,
  endpoint: PeerEndpoint,
  call: Call,
  options: CallOptions = {},
): Promise<Attempt> {
  try {
    return judgeAnswer(await client.send(endpoint, call), options);
  } catch (error) {
    if (error instanceof TransportFailure) return { kind: 'retry', reason: error.reason };
    throw error;
  }
}

/**
 * 2xx is delivered. Final: what the list above says, and a 403 that is not a suspension. Everything else may pass: a 401
 * too, for a peer that is just becoming trusted has not stored its half yet.
 */
export function judgeAnswer(
  answer: PeerAnswer,
  { alsoFinal = [], passing = ['SUSPENDED'] }: CallOptions = {},
): Attempt {
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: 'delivered', answer };
  const code = readRefusal(answer.body).code ?? `HTTP_${status}`;
  const isFinal = FINAL.has(status) || alsoFinal.includes(status) || status === 403;
  if (isFinal && !passing.includes(code)) return { kind: 'refused', code, answer };
  return { kind: 'retry', reason: retryReason(status), retryAfterSeconds: answer.retryAfterSeconds };
}

function retryReason(status: number): string {
  if (status === 401) return 'refused-401';
  if (status >= 500) return 'error-5xx';
  return status >= 400 ? 'refused-4xx' : 'bad-answer';
}
