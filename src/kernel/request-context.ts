import { AsyncLocalStorage } from 'node:async_hooks';

/** Who acts: an operator or host credential, a peer by its relationship, or the system itself. */
export interface Actor {
  readonly kind: 'operator' | 'host' | 'peer' | 'stranger' | 'system';
  /** Id of the credential or relationship, or the name of the part of the system. */
  readonly id: string;
}

/** What is known of the work at hand, from the first byte of a request to its last row. */
export interface RequestContext {
  readonly requestId: string;
  /** Set by the guard once it knows. */
  actor: Actor;
}

const contexts = new AsyncLocalStorage<RequestContext>();
const SYSTEM: Actor = { kind: 'system', id: 'entente' };

/** Runs work on behalf of an actor; everything it awaits sees the same context. */
export function runInContext<T>(context: RequestContext, work: () => T): T {
  return contexts.run(context, work);
}

/** The context of the work at hand; the system's own if no request caused it. */
export function currentContext(): RequestContext {
  return contexts.getStore() ?? { requestId: '', actor: SYSTEM };
}
