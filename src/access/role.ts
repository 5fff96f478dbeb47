/** What a token may be for. */
export const ROLES = ['operator', 'host', 'auditor'] as const;
export type Role = (typeof ROLES)[number];
