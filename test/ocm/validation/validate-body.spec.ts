import { describe, expect, it } from 'vitest';
import { PowerFolderShareDto } from '../../../src/ocm/v0.0.3/share.dto.js';
import { validateBody } from '../../../src/ocm/validation/validate-body.js';
import { payload, refusedFields } from '../support.js';

describe('a list of objects in a body', () => {
  const fieldsOf = (protocol: unknown, changes = {}) =>
    refusedFields(() => {
      const body = payload('powerfolder-share', { ...changes, protocol });
      validateBody(PowerFolderShareDto, body, { unknownProperties: 'ignore' });
    });
  const many = (count: number, entry: unknown = {}): unknown[] => Array(count).fill(entry);

  it('is judged entry by entry as far as anybody may need it', () => {
    expect(fieldsOf(many(100))).toEqual(expect.arrayContaining(['protocol: TOO_MANY', 'protocol[9].name: REQUIRED']));
  });

  it.each<[string, unknown]>([
    ['of more than a hundred', many(101)],
    ['of as many as fit into a body', many(20_000)],
    ['of nothings', many(20_000, null)],
    ['in a list', [many(20_000)]],
    ['in lists in lists', many(8, [[many(2_500)]])],
    ['of empty lists', many(20_000, [])],
  ])('%s is refused as a whole: neither it nor what else is wrong is looked at', (_, list) => {
    expect(fieldsOf(list, { name: 7 })).toEqual(['protocol: TOO_MANY']);
  });
});
