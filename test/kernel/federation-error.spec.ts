import { describe, expect, it } from 'vitest';
import { FederationError, NotFound, StateConflict, ValidationFailed } from '../../src/kernel/federation-error.js';
import { randomId } from '../../src/kernel/ids.js';

class Unwelcome extends FederationError {
  constructor() {
    super('forbidden', 'NOT_ALLOWED', { internal: 'bob is not welcome', cause: new Error('why') });
  }
}

describe('a federation error', () => {
  it('has a kind and a code for outside, a text and a cause for the log', () => {
    const error = new Unwelcome();
    expect(error).toMatchObject({ kind: 'forbidden', code: 'NOT_ALLOWED', name: 'Unwelcome' });
    expect(error.message).toBe('bob is not welcome');
    expect(error.cause).toEqual(new Error('why'));
    expect(error).toBeInstanceOf(Error);
  });

  it('has its code for a text if nothing more is known', () => {
    expect(new FederationError('unavailable', 'UNAVAILABLE').message).toBe('UNAVAILABLE');
  });

  it('names the fields that were refused', () => {
    const error = ValidationFailed.of('shareWith', 'NOT_FOUND');
    expect(error).toMatchObject({ kind: 'invalid', code: 'VALIDATION_FAILED' });
    expect(error.details.fields).toEqual([{ name: 'shareWith', message: 'NOT_FOUND' }]);
  });

  it('says nothing outside of why a thing is missing, or a state forbids an act', () => {
    expect(new NotFound('it is another peer’s')).toMatchObject({ kind: 'missing', code: 'RESOURCE_NOT_FOUND' });
    expect(new StateConflict('it is revoked')).toMatchObject({ kind: 'conflict', code: 'STATE_CONFLICT' });
  });
});

describe('an id', () => {
  it('has 144 random bits in 24 characters of base64url', () => {
    const ids = Array.from({ length: 10_000 }, randomId);
    expect(new Set(ids).size).toBe(10_000);
    expect(ids.every((id) => /^[\w-]{24}$/.test(id))).toBe(true);
  });
});
