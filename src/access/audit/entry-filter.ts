import type { EntryFilter } from '../../audit/search-entries.js';
import { ValidationFailed } from '../../kernel/federation-error.js';

/** The filters in a query. @throws ValidationFailed for one that is there twice, empty, or cannot be in the trail. */
export function parseFilter(query: Record<string, unknown>): EntryFilter {
  return { action: text('action', query), object: text('object', query), peer: text('peer', query) };
}

function text(name: string, query: Record<string, unknown>): string | undefined {
  const value = query[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || value.includes('\0')) throw ValidationFailed.of(name, 'INVALID');
  return value;
}
