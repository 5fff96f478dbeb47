import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { plainHeaders, readJson, retryAfter } from '../../src/transport/peer-answer.js';
import { failureOf, TransportFailure } from '../../src/transport/transport-failure.js';

describe('the body of an answer', () => {
  const json = (text: string | Uint8Array, type: string | undefined = 'application/json') =>
    readJson(type, Buffer.from(text));

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/hal+json',
    'Application/JSON',
    'application/problem+json ;v=1',
  ])('is read as JSON if it is %s', (type) => expect(json('{"a":1}', type)).toEqual({ a: 1 }));

  it.each(['text/html', 'text/json', 'application/jsonp', 'application/json-seq', 'application/xml+jso', ''])(
    'is not read as JSON if it is %j',
    (type) => expect(json('{"a":1}', type)).toBeUndefined(),
  );

  it('is undefined without a media type, and if the text is no JSON', () => {
    expect(readJson(undefined, Buffer.from('{}'))).toBeUndefined();
    for (const text of ['', '<html>', '{"a":1', '{} {}']) expect(json(text)).toBeUndefined();
    expect(json(Uint8Array.from([0x22, 0xff, 0xfe, 0x22]))).toBeUndefined();
  });

  it('is undefined if it nests so deep that writing it out again would fail', () => {
    expect(json('['.repeat(64) + ']'.repeat(64))).toBeDefined();
    expect(json('['.repeat(65) + ']'.repeat(65))).toBeUndefined();
    expect(json('['.repeat(500_000))).toBeUndefined();
    expect(json(JSON.stringify({ a: '[{"'.repeat(100), b: '\\' }))).toBeDefined();
  });

  it('takes a time in proportion to a hostile text', () => {
    const started = performance.now();
    for (const text of ['"'.repeat(1_000_000), '\\"'.repeat(500_000), '"\\'.repeat(500_000), '{"a":'.repeat(200_000)])
      json(text);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('Retry-After', () => {
  const now = new Date('2026-11-23T12:00:00Z');

  it.each([
    ['0', 0],
    ['120', 120],
    ['Mon, 23 Nov 2026 12:01:30 GMT', 90],
    ['Mon, 23 Nov 2026 11:00:00 GMT', 0],
  ])('%j is %i seconds', (value, seconds) => expect(retryAfter(value, now)).toBe(seconds));

  it.each([
    undefined,
    '',
    '-1',
    '1.5',
    '1e3',
    '99999999999999999999',
    'soon',
    '2026-11-23',
    'Mon, 99 Nov 2026 12:01:30 GMT',
  ])('%j says nothing', (value) => expect(retryAfter(value, now)).toBeUndefined());
});

describe('the headers of an answer', () => {
  it('are lower case and single, and touch no prototype', () => {
    const headers = plainHeaders({ 'X-One': 'a', 'set-cookie': ['b', 'c'], gone: undefined, ['__proto__']: 'd' });
    expect(Object.entries(headers)).toEqual([
      ['x-one', 'a'],
      ['set-cookie', 'b, c'],
      ['__proto__', 'd'],
    ]);
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
  });
});

describe('a failure', () => {
  it.each([
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'tls-client'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'tls-client'],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'tls-client'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'tls-client'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'bad-answer'],
    ['UND_ERR_HEADERS_OVERFLOW', 'too-large'],
    ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'too-large'],
    ['ECONNRESET', 'bad-answer'],
  ])('with the code %s is %s', (code, reason) =>
    expect(failureOf(Object.assign(new Error('x'), { code }), 'bad-answer').reason).toBe(reason),
  );

  it('shows nothing of what the peer sent', () => {
    const error = Object.assign(new Error('bad: token=secret-1'), { code: 'HPE_INVALID', data: 'secret-2' });
    const failure = failureOf(error, 'bad-answer');
    expect(failure).toBeInstanceOf(TransportFailure);
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toMatch(/secret/);
  });
});
