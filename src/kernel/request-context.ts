import { AsyncLocalStorage } from 'node:async_hooks';

/** Who acts: an operator or host credential, the host in process, a peer by its relationship, or the system itself. */
export interface Actor {
  readonly kind: 'operator' | 'host' | 'peer' | 'stranger' | 'system';
  /** Id of the credential or relationship, or the name of the part of the system. */
  readonly id: string;
}

/** The application that has taken us in, when it calls our acts itself; its credentials over HTTP have ids of their own. */
export const HOST_IN_PROCESS: Actor = { kind: 'host', id: 'in-process' };
/** Who has called a route of ours and is not known, or not yet. */
export const STRANGER: Actor = { kind: 'stranger', id: '' };

/** What is known of the work at hand, from the first byte of a request to its last row. */
export interface RequestContext {
  readonly requestId: string;
  /** Set by the guard once it knows. */
  actor: Actor;
}

const contexts = new AsyncLocalStorage<RequestContext>();

/** Runs work on behalf of an actor; everything it awaits sees the same context. */
export function runInContext<T>(context: RequestContext, work: () => T): T {
  return contexts.run(context, work);
}

/**
 * The context of the work at hand. Where nobody has set one the host calls, from a timer or a command of its own: what we do
 * by ourselves says so.
 */
export function currentContext(): RequestContext {
  return contexts.getStore() ?? { requestId: '', actor: HOST_IN_PROCESS };
}
