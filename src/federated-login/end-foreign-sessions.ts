import { Injectable } from '@nestjs/common';
import { SessionIssuer } from '../host/session-issuer.js';
import { type EndedTrust, OnTrustEnded, TrustEndHandler } from '../trust/on-trust-ended.js';

/** With the trust end the sessions of the peer's people here. */
@Injectable()
@OnTrustEnded()
export class EndForeignSessions extends TrustEndHandler {
  constructor(private readonly sessions: SessionIssuer) {
    super();
  }

  override trustEnded({ origin }: EndedTrust): Promise<void> {
    return this.sessions.endAllFrom(origin);
  }
}
