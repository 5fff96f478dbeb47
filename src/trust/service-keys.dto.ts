/** A key that the peer has announced: the present one goes on until it is seen. */
export class AnnouncedKeyDto {
  /** @example "sha256:GKaqLM1UY6xCYF4eLG_h-MwcdxwR4PCHTPXRpa0Xr3k" */
  fingerprint: string;
  /**
   * When the peer will have switched.
   * @example "2026-12-01T12:00:00.000Z"
   */
  switchBy: string;
}

/**
 * A key that was shown with the peer's name and never announced. Anybody can make such a certificate: compare the
 * fingerprint with the peer's operator by telephone before you re-approve it.
 */
export class PresentedKeyDto {
  /** @example "sha256:GKaqLM1UY6xCYF4eLG_h-MwcdxwR4PCHTPXRpa0Xr3k" */
  fingerprint: string;
  /** PEM. */
  certificate: string;
  /**
   * When it was shown last.
   * @example "2026-11-23T12:00:00.000Z"
   */
  at: string;
  /**
   * Where it came from: an IPv4 address or an IPv6 /64.
   * @example "192.0.2.7/32"
   */
  network: string;
}
