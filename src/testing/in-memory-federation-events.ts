import { type FederationEvent, FederationEvents } from '../index.js';

/** Events in the order in which they were first told. */
export class InMemoryFederationEvents extends FederationEvents {
  private readonly heard = new Map<string, FederationEvent>();

  override async tell(event: FederationEvent): Promise<void> {
    if (!this.heard.has(event.id)) this.heard.set(event.id, event);
  }

  /** Each once, however often it was told. */
  get all(): readonly FederationEvent[] {
    return [...this.heard.values()];
  }
}
