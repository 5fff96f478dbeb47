/** Something happened that a person of this cloud should be told of. */
export interface FederationEvent {
  readonly id: string;
  readonly type:
    | 'share-invited'
    | 'share-accepted'
    | 'share-declined'
    | 'share-left'
    | 'share-withdrawn'
    | 'share-changed'
    | 'share-expired'
    | 'share-undeliverable';
  /** Id of the account here that is concerned. */
  readonly account: string;
  /** Our id of the share. */
  readonly share: string;
  /** Name of the shared folder. */
  readonly name: string;
  /** The other person, `user@domain`. */
  readonly counterpart: string;
  /**
   * Why, as a stable word; for `share-undeliverable` the refusal's code: of the offer, or of a change to a share that lives
   * on. `share-changed` has one only if the recipient's
   * acceptance did not count: the share waits for them again.
   */
  readonly reason?: string;
}

/** Where the host hears of what happened. Told after the commit, at least once each; `id` tells repeats apart. */
export abstract class FederationEvents {
  /** Resolves once the event is safe with the host; whoever rejects is told again later. */
  abstract tell(event: FederationEvent): Promise<void>;
}
