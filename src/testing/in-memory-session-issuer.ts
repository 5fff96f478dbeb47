import { type ForeignIdentity, type Origin, randomId, SessionIssuer } from '../index.js';

/** Sessions in a map. */
export class InMemorySessionIssuer extends SessionIssuer {
  private readonly sessions = new Map<string, ForeignIdentity>();

  override async open(identity: ForeignIdentity): Promise<string> {
    const session = randomId();
    this.sessions.set(session, identity);
    return session;
  }

  override async endAllFrom(home: Origin): Promise<void> {
    for (const [session, identity] of this.sessions) if (identity.home.equals(home)) this.sessions.delete(session);
  }

  /** Whose session it is; undefined once it has ended. */
  personOf(session: string): ForeignIdentity | undefined {
    return this.sessions.get(session);
  }
}
