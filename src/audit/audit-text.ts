import type { AuditDetails } from './audit-row.js';

const LONGEST = 1_000;

/**
 * Text as the database can hold it: strangers choose some of what we record, and must not be able to fail an act by a
 * NUL, half a surrogate pair or a megabyte.
 */
export function auditText(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return Buffer.from(cut, 'utf8').toString('utf8').replaceAll('\0', '\uFFFD');
}

/** @throws TypeError for anything but texts, finite numbers, booleans and null: an object could carry a secret. */
export function auditDetails(details: AuditDetails): AuditDetails {
  return Object.fromEntries(Object.entries(details).map(([key, value]) => [auditText(key), plain(key, value)]));
}

function plain(key: string, value: AuditDetails[string]): AuditDetails[string] {
  if (typeof value === 'string') return auditText(value);
  if (typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new TypeError(`audit detail ${key} is neither text, number, boolean nor null`);
}
