import { readFileSync } from 'node:fs';
import { FederationError, type FieldError } from '../../src/kernel/federation-error.js';
import type { JsonObject } from '../../src/ocm/canonical-json.js';

/** A payload of `test/fixtures/ocm/v0.0.3`, with some properties replaced. */
export function payload(name: string, changes: JsonObject = {}): JsonObject {
  const file = new URL(`../fixtures/ocm/v0.0.3/${name}.json`, import.meta.url);
  return { ...JSON.parse(readFileSync(file, 'utf8')), ...changes };
}

/** What the work was refused with; fails if it was not. */
export function refusal(work: () => unknown): FederationError {
  try {
    work();
  } catch (error) {
    if (error instanceof FederationError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

/** The fields that were refused, as `name: MESSAGE`. */
export function refusedFields(work: () => unknown): string[] {
  return listed(refusal(work).details.fields ?? []);
}

function listed(fields: readonly FieldError[]): string[] {
  return fields.map(({ name, message }) => `${name}: ${message}`);
}
