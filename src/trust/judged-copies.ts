import { Injectable } from '@nestjs/common';
import type { KeyRole } from './relationship-key.entity.js';
import type { TrustedPeer } from './trusted-peer.js';

/** How old a copy may be, in milliseconds. */
const MAX_AGE = 1_000;

export interface Judged {
  readonly peer: TrustedPeer;
  readonly suspended: boolean;
}

/** As a key led to it. */
export interface JudgedKey extends Judged {
  /** What the key is to the peer. */
  readonly role: KeyRole;
  /** PEM, the latest that we saw over its current key. */
  readonly certificate: string | null;
}

/**
 * Relationships as they were read for a verdict, by pin, for at most a second: a peer that calls often is not looked up
 * each time. What changes on this node drops them at its commit; and what writes reads the row again. Strangers are looked
 * up each time, so that there are never more copies than relationships.
 */
@Injectable()
export class JudgedCopies {
  private readonly copies = new Map<string, JudgedKey & { readonly readAt: number }>();
  private drops = 0;

  /** The copy, or what `read` finds. */
  async of(pin: string, read: () => Promise<JudgedKey | undefined>): Promise<JudgedKey | undefined> {
    const copy = this.copies.get(pin);
    const readAt = performance.now();
    if (copy && readAt - copy.readAt < MAX_AGE) return copy;
    this.copies.delete(pin);
    const { drops } = this;
    const judged = await read();
    // What was read before a change may not be kept after it.
    if (judged && drops === this.drops) this.copies.set(pin, { ...judged, readAt });
    return judged;
  }

  dropAll(): void {
    this.drops += 1;
    this.copies.clear();
  }
}
