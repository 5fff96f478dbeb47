/** What the audit trail calls a share that an account here was offered. */
export function incomingShare(id: string): string {
  return `incoming-share:${id}`;
}

/** What the audit trail calls a share that an account here offers. */
export function outgoingShare(id: string): string {
  return `outgoing-share:${id}`;
}
