import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FederationError } from '../../../src/kernel/federation-error.js';
import { readStrictJson } from '../../../src/ocm/http/strict-json.js';
import { refusal, refusedFields } from '../support.js';

const read = (text: string) => readStrictJson(Buffer.from(text));
const refusedAs = (input: string | Uint8Array) => refusedFields(() => readStrictJson(Buffer.from(input)));
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('the strict reader of JSON', () => {
  it('reads what JSON.parse reads', () => {
    expect(read('{"a":[1,-2.5e3,true,null,"\\u00e4\\n\\ud83d\\ude00"],"b":{"a":""}} ')).toEqual({
      a: [1, -2500, true, null, 'ä\n😀'],
      b: { a: '' },
    });
  });

  it('says what it refuses as an error of the body', () => {
    const error = refusal(() => read('{'));
    expect(error.kind).toBe('invalid');
    expect(error.code).toBe('VALIDATION_FAILED');
    expect(error.details.fields).toEqual([{ name: 'body', message: 'INVALID_JSON' }]);
  });

  it.each([
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 'INVALID_UTF8'],
    ['an overlong encoding', Buffer.from([0x22, 0xc0, 0x80, 0x22]), 'INVALID_UTF8'],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'INVALID_UTF8'],
    ['a byte order mark', '\ufeff{}', 'INVALID_UTF8'],
    ['UTF-16', Buffer.from('{}', 'utf16le'), 'INVALID_STRING'],
    ['nothing', '', 'INVALID_JSON'],
    ['an open string', '"abc', 'INVALID_JSON'],
    ['a string that ends in a back slash', '"abc\\', 'INVALID_JSON'],
    ['an unknown escape', '"\\x41"', 'INVALID_JSON'],
    ['a raw line feed in a string', '"a\nb"', 'INVALID_JSON'],
    ['a trailing comma', '{"a":1,}', 'INVALID_JSON'],
    ['two values', '{}{}', 'INVALID_JSON'],
    ['a closing bracket too many', '{}]', 'INVALID_JSON'],
    ['a comment', '{/* */}', 'INVALID_JSON'],
    ['NaN', '{"a":NaN}', 'INVALID_JSON'],
    ['the same key twice', '{"a":1,"a":1}', 'DUPLICATE_KEY'],
    ['the same key, once escaped', '{"shareId":1,"share\\u0049d":2}', 'DUPLICATE_KEY'],
    ['the same key twice far inside', '[{"b":{"a":1,"c":[{}],"a":2}}]', 'DUPLICATE_KEY'],
    ['the key __proto__', '{"__proto__":{}}', 'FORBIDDEN_KEY'],
    ['the key __proto__, escaped', '{"a":{"\\u005f_proto__":1}}', 'FORBIDDEN_KEY'],
    ['an escaped NUL', '{"a":"\\u0000"}', 'INVALID_STRING'],
    ['an escaped NUL in a key', '{"\\u0000":1}', 'INVALID_STRING'],
    ['a raw NUL', '{"a":"\0"}', 'INVALID_STRING'],
    ['a lone high surrogate', '["\\ud800"]', 'INVALID_STRING'],
    ['a lone low surrogate', '["\\udc00x"]', 'INVALID_STRING'],
    ['surrogates in the wrong order', '["\\ude00\\ud83d"]', 'INVALID_STRING'],
    ['a number beyond doubles', '[1e999]', 'INVALID_NUMBER'],
    ['a number beyond doubles without exponent', `[-1${'0'.repeat(400)}]`, 'INVALID_NUMBER'],
    ['33 levels', nested(33), 'TOO_DEEP'],
    ['33 levels of objects', `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`, 'TOO_DEEP'],
    ['1,001 keys', `{${Array.from({ length: 1001 }, (_, at) => `"k${at}":1`).join()}}`, 'TOO_MANY_KEYS'],
  ])('refuses %s', (_what, input, message) => {
    expect(refusedAs(input)).toEqual([`body: ${message}`]);
  });

  it.each([
    ['32 levels', nested(32)],
    ['1,000 keys', `[${Array.from({ length: 1000 }, (_, at) => `{"k":${at}}`).join()}]`],
    ['the same key in different objects', '[{"a":{"a":1}},{"a":2}]'],
    ['a string that equals a key', '{"a":"a","b":["a","a","b"]}'],
    ['braces, quotes and commas in strings', '{"a":"{\\"a\\":1,","b":"]]]"}'],
    ['the text __proto__ as a value', '{"a":"__proto__"}'],
    ['the largest double', '[1.7976931348623157e308]'],
  ])('takes %s', (_what, text) => {
    expect(read(text)).toEqual(JSON.parse(text));
  });

  it('refuses a million opening brackets at once', () => {
    const bytes = Buffer.from('['.repeat(1_000_000));
    const times = [1, 2, 3, 4, 5].map(() => {
      const startedAt = performance.now();
      expect(refusedAs(bytes)).toEqual(['body: TOO_DEEP']);
      return performance.now() - startedAt;
    });
    // The machine may be busy with something else meanwhile, but not every time.
    expect(Math.min(...times)).toBeLessThan(20);
  });

  it.each([
    ['short strings', `[${'"",'.repeat(20_000)}""]`],
    ['escapes', `["${'\\\\\\"'.repeat(15_000)}"]`],
    ['exponents', `[${'1e1,'.repeat(15_000)}1]`],
    ['one open string', `"${'\\"'.repeat(30_000)}`],
  ])('stays linear on 64 KiB of %s', (_what, text) => {
    const startedAt = performance.now();
    try {
      read(text);
    } catch (error) {
      expect(error).toBeInstanceOf(FederationError);
    }
    expect(performance.now() - startedAt).toBeLessThan(100);
  });

  it('agrees with JSON.parse on everything it accepts, and accepts every plain document', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme', noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!/__proto__|\\u0000|\0/.test(text));
        expect(read(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it('answers any bytes with a value equal to that of JSON.parse, or with a refusal', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '\\u0061',
      '\\ud83d',
      '"a"',
      '"b":',
      '1',
      'e',
      '-',
      ' ',
      'ä',
      '\0',
    );
    const soup = fc.array(token, { maxLength: 30 }).map((tokens) => Buffer.from(tokens.join('')));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), soup), (bytes) => {
        try {
          expect(readStrictJson(bytes)).toEqual(JSON.parse(Buffer.from(bytes).toString()));
        } catch (error) {
          expect(error).toBeInstanceOf(FederationError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
