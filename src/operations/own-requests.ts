import { currentContext, type RequestContext } from '../kernel/request-context.js';

const OURS = new WeakSet<RequestContext>();

/** The request at hand has reached a route of the federation tier. */
export function markAsOurs(): void {
  OURS.add(currentContext());
}

/** Whether what runs now runs for a route of the federation tier: for what sees no route, such as a pipe. */
export function isForOurRoute(): boolean {
  return OURS.has(currentContext());
}
