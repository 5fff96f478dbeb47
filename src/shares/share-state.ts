interface Expiring<State> {
  readonly state: State;
  readonly expiresAt: Date | null;
}

/** The state of a share at a moment: what is live by its row has expired once its time is over. */
export function stateAt<State extends string>(share: Expiring<State>, now: Date): State | 'expired' {
  return isLive(share.state) && share.expiresAt !== null && share.expiresAt <= now ? 'expired' : share.state;
}

/** Whether something may still become of it. */
export function isLive(state: string): boolean {
  return state === 'pending-delivery' || state === 'pending' || state === 'accepted';
}
