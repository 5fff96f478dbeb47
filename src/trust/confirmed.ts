import { parseDomainName } from '../kernel/domain-name.js';

/** What the cloud that asked answered to our confirmation. */
export interface Confirmed {
  readonly fingerprint: string;
  readonly reference: string;
  readonly displayName: string;
  readonly domains: readonly string[];
}

/** Undefined if the answer is not what the handshake promises: then it is asked for again. */
export function readConfirmed(body: unknown): Confirmed | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { fingerprint, relationship, displayName, domains } = body as Record<string, unknown>;
  if (typeof fingerprint !== 'string' || typeof relationship !== 'string' || !isReference(relationship)) {
    return undefined;
  }
  const names = Array.isArray(domains) ? domains.slice(0, 100) : [];
  return {
    fingerprint,
    reference: relationship,
    displayName: typeof displayName === 'string' && isPrintable(displayName) ? displayName : '',
    domains: names.flatMap((name) => (typeof name === 'string' ? (parseDomainName(name) ?? []) : [])),
  };
}

/** It is stored, and sent back when the relationship ends. */
function isReference(text: string): boolean {
  return text.length > 0 && isPrintable(text);
}

function isPrintable(text: string): boolean {
  return Buffer.byteLength(text) <= 255 && text.isWellFormed() && !/\p{C}/u.test(text);
}
