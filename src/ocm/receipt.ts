import type { FieldError } from '../kernel/federation-error.js';
import { isJsonObject } from './canonical-json.js';
import type { Permission } from './permission.js';
import type { Flavour } from './share-offer.js';
import { isOneLine } from './validation/text-rules.js';

/** A share that a peer offered us, as we describe it back to that peer. Holds no secret. */
export interface DescribedShare {
  /** Our id of the share. */
  readonly id: string;
  readonly createdAt: Date;
  /** Our state of it: `pending`, `accepted`, or how it ended. */
  readonly state: string;
  readonly shareId?: string;
  readonly providerId: string;
  /** As the offer named them: `user@domain`, or the bare name. */
  readonly owner: string;
  readonly recipient: string;
  readonly name: string;
  readonly description?: string;
  readonly permission: Permission;
  readonly expiresAt?: Date;
  readonly protocols: readonly string[];
  readonly flavour: Flavour;
  /** Where the share can be read, as mounted for this caller: `/shares/{id}`. */
  readonly href: string;
}

/** What a peer's 201 tells us about the share that we offered. A plain 0.0.3 peer names no state. */
export interface ShareReceipt {
  readonly id?: string;
  readonly state?: 'pending' | 'accepted';
}

/** Reads the body of a peer's 201; what is missing or odd is left out, for the status alone already says yes. */
export function readReceipt(body: unknown): ShareReceipt {
  if (!isJsonObject(body)) return {};
  const { id, state } = body;
  return {
    id: typeof id === 'string' && isOneLine(id) && Buffer.byteLength(id) <= 255 ? id : undefined,
    state: state === 'pending' || state === 'accepted' ? state : undefined,
  };
}

/** What a peer's error body tells us: its code and the fields it refused, where they look like codes. */
export interface Refusal {
  readonly code?: string;
  readonly fields: readonly FieldError[];
}

export function readRefusal(body: unknown): Refusal {
  if (!isJsonObject(body)) return { fields: [] };
  const listed: unknown[] = Array.isArray(body.validationErrors) ? body.validationErrors.slice(0, 20) : [];
  return { code: asCode(body.message), fields: listed.flatMap(asFieldError) };
}

function asCode(text: unknown): string | undefined {
  return typeof text === 'string' && /^[A-Z][A-Z0-9_]{0,99}$/.test(text) ? text : undefined;
}

function asFieldError(entry: unknown): FieldError[] {
  if (!isJsonObject(entry) || typeof entry.name !== 'string' || !/^[\w.[\]-]{1,100}$/.test(entry.name)) return [];
  const message = asCode(entry.message);
  return message ? [{ name: entry.name, message }] : [];
}
