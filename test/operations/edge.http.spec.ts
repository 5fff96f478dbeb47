import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST, type RawAnswer, requestText, sendRaw, startTinyApp, type TinyApp } from './tiny-app.js';

const MALFORMED = '{"message":"VALIDATION_FAILED","validationErrors":[{"name":"request","message":"MALFORMED"}]}';
const INVALID_STRING =
  '{"message":"VALIDATION_FAILED","validationErrors":[{"name":"request","message":"INVALID_STRING"}]}';
const NOT_FOUND = '{"message":"RESOURCE_NOT_FOUND"}';
const STRANGER = '{"message":"CLIENT_NOT_AUTHENTICATED"}';
const KNOWN = ['X-Known: yes'];

let tiny: TinyApp;
beforeAll(async () => {
  tiny = await startTinyApp();
});
afterAll(() => tiny.app.close());

const send = (bytes: string | Buffer) => sendRaw(tiny.port, bytes);

function expectDressed(answer: RawAnswer): void {
  expect(answer.headers['x-request-id']).toMatch(/^[\w-]{24}$/);
  expect(answer.headers['content-security-policy']).toBe(
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  );
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
  expect(answer.headers['referrer-policy']).toBe('no-referrer');
  expect(answer.headers['strict-transport-security']).toBe('max-age=31536000');
  expect(answer.headers['cache-control']).toBe('no-store');
}

function expectRefused(answer: RawAnswer, status: number, body: string): void {
  expect([answer.status, answer.body]).toEqual([status, body]);
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(answer.headers.connection).toBe('close');
  expectDressed(answer);
}

describe('what is not HTTP as we read it', () => {
  const get = (target: string) => requestText(`GET ${target}`);
  const cases: Record<string, [string, number, string]> = {
    'an address that does not decode': [get('/%'), 400, INVALID_STRING],
    'an address whose bytes are not UTF-8': [get('/things/%ff'), 400, INVALID_STRING],
    'a surrogate written as bytes': [get('/things/%ed%a0%80'), 400, INVALID_STRING],
    'NUL in the path, escaped': [get('/things/a%00b'), 400, INVALID_STRING],
    'NUL in the query, escaped': [get('/things?a=%00'), 400, INVALID_STRING],
    'NUL in the path as a byte': [get('/things/a\0b'), 400, MALFORMED],
    'NUL in a header': [requestText('GET /things', ['X-A: a\0b']), 400, MALFORMED],
    'a request line that is none': ['HELLO\r\n\r\n', 400, MALFORMED],
    'a version that is none': ['GET / HTTP/9.9\r\n\r\n', 400, MALFORMED],
    'a header line without a colon': [requestText('GET /things', ['nonsense']), 400, MALFORMED],
    'white space before a colon': [requestText('GET /things', ['X-A : 1']), 400, MALFORMED],
    'a folded header line': [requestText('GET /things', ['X-A: 1', ' 2']), 400, MALFORMED],
    'Content-Length together with Transfer-Encoding': [
      requestText('POST /things', ['Content-Length: 4', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      400,
      MALFORMED,
    ],
    'two Content-Length': [
      requestText('POST /things', ['Content-Length: 4', 'Content-Length: 5'], 'aaaa'),
      400,
      MALFORMED,
    ],
    'an unknown Transfer-Encoding': [
      requestText('POST /things', ['Transfer-Encoding: xchunked'], '0\r\n\r\n'),
      400,
      MALFORMED,
    ],
    'a chunk size that is none': [
      requestText('POST /things', ['Transfer-Encoding: chunked'], 'zz\r\n'),
      400,
      MALFORMED,
    ],
    'lines that end in LF alone': [`GET /things HTTP/1.1\nHost: ${HOST}\n\n`, 400, MALFORMED],
    'no Host': ['GET /things HTTP/1.1\r\nConnection: close\r\n\r\n', 400, MALFORMED],
    'two Hosts': [requestText('GET /things', ['Host: evil.example']), 400, MALFORMED],
    'an address that is no path': [requestText('GET things'), 400, MALFORMED],
    'an absolute address of another scheme': [requestText(`GET http://${HOST}/things`), 400, MALFORMED],
    'headers of 9 KiB': [
      requestText('GET /things', [`X-A: ${'a'.repeat(9 * 1024)}`]),
      431,
      '{"message":"HEADERS_TOO_LARGE"}',
    ],
    'more than 64 header lines': [
      requestText(
        'GET /things',
        Array.from({ length: 64 }, (_, index) => `X-${index}: 1`),
      ),
      431,
      '{"message":"HEADERS_TOO_LARGE"}',
    ],
    TRACE: [requestText('TRACE /things', KNOWN), 405, '{"message":"METHOD_NOT_ALLOWED"}'],
    'a method of WebDAV': [requestText('PROPFIND /things', KNOWN), 405, '{"message":"METHOD_NOT_ALLOWED"}'],
    CONNECT: [`CONNECT ${HOST} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, 405, '{"message":"METHOD_NOT_ALLOWED"}'],
    'OPTIONS *': [requestText('OPTIONS *'), 404, NOT_FOUND],
    'a path parameter of 300 characters': [requestText(`GET /things/${'a'.repeat(300)}`, KNOWN), 404, NOT_FOUND],
  };
  for (const [name, [bytes, status, body]] of Object.entries(cases)) {
    it(`answers ${status} in the shape of every error: ${name}`, async () => {
      expectRefused(await send(bytes), status, body);
    });
  }

  it('never sees a second request behind a smuggled one', async () => {
    const before = tiny.handled();
    const smuggled = `GET /things HTTP/1.1\r\nHost: ${HOST}\r\nX-Known: yes\r\n\r\n`;
    const first = `POST /things HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    const { text } = await send(first + smuggled);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(tiny.handled()).toBe(before);
  });
});

describe('the name that a request is for', () => {
  const withHost = (host: string, target = '/things') =>
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nX-Known: yes\r\nConnection: close\r\n\r\n`;
  const MISDIRECTED = '{"message":"MISDIRECTED_REQUEST"}';

  it('is one of our origins, in any case', async () => {
    expect((await send(withHost('CLOUD1.localhost:8441'))).status).toBe(200);
  });

  it.each([
    'evil.example',
    'cloud1.localhost',
    'cloud1.localhost:443',
    'cloud1.localhost:8441.evil.example',
    '127.0.0.1',
  ])('is refused with 421 if it is %s', async (host) => {
    expectRefused(await send(withHost(host)), 421, MISDIRECTED);
  });

  it('does not matter to health probes', async () => {
    expect(await send(withHost('10.0.0.7', '/health/live'))).toMatchObject({ status: 200, body: '{"status":"ok"}' });
    expect((await send('GET /health/live HTTP/1.0\r\n\r\n')).status).toBe(200);
  });

  it('counts in an absolute address too', async () => {
    expect(await send(requestText(`GET https://${HOST}/things/a?b=c`, KNOWN))).toMatchObject({
      status: 200,
      body: '{"id":"a"}',
    });
    expect((await send(requestText(`GET https://${HOST}/things`))).status).toBe(401);
    expectRefused(await send(requestText('GET https://evil.example/things', KNOWN)), 421, MISDIRECTED);
  });
});

describe('a stranger', () => {
  const cases: Record<string, string> = {
    GET: requestText('GET /things'),
    HEAD: requestText('HEAD /things'),
    'an escaped path': requestText('GET /%74hings'),
    'no Content-Type': requestText('POST /things', ['Content-Length: 2'], '{}'),
    'an empty Content-Type': requestText('POST /things', ['Content-Type:', 'Content-Length: 2'], '{}'),
    'a Content-Type that is none': requestText('POST /things', ['Content-Type: ;;/=,', 'Content-Length: 2'], '{}'),
    'another media type': requestText('POST /things', ['Content-Type: text/plain', 'Content-Length: 2'], '{}'),
    'broken JSON': requestText('POST /things', ['Content-Type: application/json', 'Content-Length: 1'], '{'),
    'a compressed body': requestText('POST /things', ['Content-Encoding: br', 'Content-Length: 1'], '{'),
    'a chunked body without a type': requestText(
      'POST /things',
      ['Transfer-Encoding: chunked'],
      '2\r\n{}\r\n0\r\n\r\n',
    ),
    'a body of 70 KiB': requestText('POST /things', [`Content-Length: ${70 * 1024}`], 'a'.repeat(70 * 1024)),
    'an expectation': requestText('POST /things', ['Expect: miracles', 'Content-Length: 2'], '{}'),
    'GET with a body': requestText('GET /things', ['Content-Length: 2'], '{}'),
    'DELETE with a body': requestText('DELETE /things', ['Content-Length: 2'], '{}'),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    it(`is told the same whatever is sent: ${name}`, async () => {
      const answer = await send(bytes);
      expect([answer.status, answer.body]).toEqual([401, name === 'HEAD' ? '' : STRANGER]);
      expectDressed(answer);
    });
  }
});

describe('a known caller', () => {
  it('hands its body to the route unread, whatever its type', async () => {
    const answer = await send(requestText('POST /things', [...KNOWN, 'Content-Type: ;;', 'Content-Length: 2'], '{]'));
    expect(answer.status).toBe(201);
    expect(JSON.parse(answer.body)).toMatchObject({ length: 2, tooLarge: false, contentType: ';;' });
  });

  it('hears of a body above the limit from the route, and the connection ends', async () => {
    const big = 'a'.repeat(70 * 1024);
    const answer = await send(
      `POST /things HTTP/1.1\r\nHost: ${HOST}\r\nX-Known: yes\r\nContent-Length: ${big.length}\r\n\r\n${big}`,
    );
    expect(JSON.parse(answer.body)).toMatchObject({ length: 0, tooLarge: true });
    expect(answer.headers.connection).toBe('close');
  });

  it('may repeat a parameter, and cannot reach a prototype with one', async () => {
    const answer = await send(requestText('GET /things?a=1&a=2&__proto__=x&constructor=y', KNOWN));
    expect(answer.body).toBe('{"query":{"a":["1","2"],"__proto__":"x","constructor":"y"}}');
  });

  it('is not known by a header that names another method or another address', async () => {
    const answer = await send(
      requestText('GET /nothing', [...KNOWN, 'X-HTTP-Method-Override: POST', 'X-Original-URL: /things']),
    );
    expectNotFound(answer);
  });

  it.each([
    'GET /nothing',
    'GET //things',
    'GET /things/',
    'GET /THINGS',
    'GET /./things',
    'GET /things;x',
    'PUT /things',
    'GET /things%2f',
  ])('is told 404 for %s', async (line) => expectNotFound(await send(requestText(line, KNOWN))));

  it('keeps the context of the request through the whole of it, body included', async () => {
    const answer = await send(requestText('POST /things', [...KNOWN, 'Content-Length: 2'], '{}'));
    expect(JSON.parse(answer.body).requestId).toBe(answer.headers['x-request-id']);
    const context = await send(requestText('GET /things/context', [...KNOWN, 'X-Request-Id: mine']));
    expect(JSON.parse(context.body)).toEqual({
      requestId: context.headers['x-request-id'],
      actor: { kind: 'peer', id: 'peer-1' },
    });
    expect(context.headers['x-request-id']).not.toBe('mine');
  });
});

function expectNotFound(answer: RawAnswer): void {
  expect([answer.status, answer.body]).toEqual([404, NOT_FOUND]);
  expectDressed(answer);
}

describe('the line about a request', () => {
  it('names the pattern of the route and who acted, never the address', async () => {
    tiny.lines.length = 0;
    await send(requestText('GET /things/canary-1?token=canary-2', KNOWN));
    expect(tiny.lines).toMatchObject([
      { method: 'GET', route: '/things/:id', status: 200, actor: { kind: 'peer', id: 'peer-1' }, aborted: false },
    ]);
    await send(requestText('GET /canary-3', KNOWN));
    await send('canary-4\r\n\r\n');
    expect(tiny.lines.map(({ route, status }) => [route, status])).toEqual([
      ['/things/:id', 200],
      ['-', 404],
      ['-', 400],
    ]);
    expect(JSON.stringify(tiny.lines)).not.toContain('canary');
  });
});
