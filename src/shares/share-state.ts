interface Expiring<State> {
  readonly state: State;
  readonly expiresAt: Date | null;
}

/** The state of a share at a moment: what is live by its row has expired once its time is over. */
export function stateAt<State extends string>(share: Expiring<State>, now: Date): State | 'expired' {
  return isLive(share.state) && share.expiresAt !== null && share.expiresAt <= now ? 'expired' : share.state;
}

/** SQL for the same: rows of `share` that are in `:state` at this moment. */
export const IN_STATE = `(case when share.state in ('pending-delivery', 'pending', 'accepted') and share.expires_at <= now()
  then 'expired' else share.state end) = :state`;

/** Whether it has not ended. */
export function isLive(state: string): boolean {
  return state === 'pending-delivery' || state === 'pending' || state === 'accepted';
}

/** Whether something may still become of it: one that failed to be delivered may have arrived after all. */
export function isOpen(state: string): boolean {
  return isLive(state) || state === 'failed';
}
