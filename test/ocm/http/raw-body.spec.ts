import { connect } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptRawBodies, RawBody } from '../../../src/ocm/http/raw-body.js';
import { readJsonBody } from '../../../src/ocm/http/read-json-body.js';
import { refusal, refusedFields } from '../support.js';

describe('a body on its way in', () => {
  const server = new FastifyAdapter().getInstance();
  const seen: unknown[] = [];
  let port = 0;

  beforeAll(async () => {
    acceptRawBodies(server, { limit: 1000 });
    server.post('/', async (request, reply) => {
      seen.push(request.body);
      return reply
        .status(request.body instanceof RawBody && request.body.tooLarge ? 413 : 200)
        .send({ message: 'HANDLED' });
    });
    await server.listen({ host: '127.0.0.1', port: 0 });
    const address = server.server.address();
    port = typeof address === 'object' && address ? address.port : 0;
  });

  afterAll(() => server.close());

  /** Sends the bytes as they are; resolves with everything that came back by the time the server closed. */
  const send = (head: string, body: string | Buffer = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n`);
        socket.write(body);
      });
      socket.setEncoding('utf8').on('data', (text) => {
        answer += text;
        if (answer.endsWith('{"message":"HANDLED"}') && !/connection: close/i.test(answer)) socket.end();
      });
      socket.on('close', () => resolve(answer)).on('error', (error) => (answer ? resolve(answer) : reject(error)));
    });
  const last = (): RawBody => {
    const body = seen.at(-1);
    if (!(body instanceof RawBody)) throw new Error('no raw body arrived');
    return body;
  };

  it('reaches the handler as bytes with its headers', async () => {
    await send('Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 3\r\n', '{x}');
    expect(last().bytes.toString()).toBe('{x}');
    expect(last().tooLarge).toBe(false);
    expect(last().contentType).toBe('Application/JSON; charset=utf-8');
    expect(last().contentEncoding).toBeUndefined();
  });

  it.each([
    ['of any media type', 'Content-Type: image/png\r\n'],
    ['of a malformed media type', 'Content-Type: json\r\n'],
    ['of a media type with nonsense in it', 'Content-Type: a/b/c; =\r\n'],
    ['of an empty media type', 'Content-Type:\r\n'],
    ['without a media type', ''],
    ['that is compressed', 'Content-Type: application/json\r\nContent-Encoding: gzip\r\n'],
  ])('is not judged: %s', async (_what, head) => {
    const answer = await send(`${head}Content-Length: 2\r\n`, '{}');
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(last().bytes.toString()).toBe('{}');
    expect(last().contentType ?? '').toBe(/Content-Type: ?(.*)\r/.exec(head)?.[1] ?? '');
  });

  it('is kept up to the limit', async () => {
    await send('Content-Type: application/json\r\nContent-Length: 1000\r\n', 'x'.repeat(1000));
    expect(last().bytes).toHaveLength(1000);
    expect(last().tooLarge).toBe(false);
  });

  it('may come in pieces', async () => {
    await send(
      'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n',
      '2\r\n[1\r\n2\r\n,2\r\n1\r\n]\r\n0\r\n\r\n',
    );
    expect(last().bytes.toString()).toBe('[1,2]');
  });

  it.each([
    ['announced', 'Content-Length: 1001\r\n', 'x'.repeat(1001)],
    ['announced and not yet sent', 'Content-Length: 1000000000\r\n', 'x'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n', `7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`],
    ['in chunks without an end', 'Transfer-Encoding: chunked\r\n', `7d0\r\n${'x'.repeat(2000)}\r\n`],
  ])('over the limit reaches the handler as too large, and the connection ends: %s', async (_what, head, body) => {
    const answer = await send(`Content-Type: application/json\r\n${head}`, body);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
    expect(last().tooLarge).toBe(true);
    expect(last().bytes).toHaveLength(0);
  });

  it('is absent where nothing was sent', async () => {
    await send('Content-Length: 0\r\n');
    expect(seen.at(-1)).toBeUndefined();
  });
});

describe('reading a body as JSON', () => {
  const read = (text: string, contentType?: string, contentEncoding?: string, tooLarge = false) =>
    readJsonBody(new RawBody(Buffer.from(text), tooLarge, contentType, contentEncoding));

  it.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/hal+json',
    'application/vnd.x.y-z+json; profile=a; charset=utf-8',
  ])('takes %s', (contentType) => {
    expect(read('{"a":1}', contentType)).toEqual({ a: 1 });
  });

  it.each([
    [undefined],
    [''],
    ['json'],
    ['text/plain'],
    ['text/json'],
    ['application/jsonp'],
    ['application/json-seq'],
    ['application/x-www-form-urlencoded'],
    ['application/json; charset=iso-8859-1'],
    ['application/json; charset=utf-16; charset=utf-8'],
    ['application/json, text/plain'],
    ['multipart/form-data; boundary=application/json'],
  ])('refuses %s as another media type', (contentType) => {
    const error = refusal(() => read('{}', contentType));
    expect(error.kind).toBe('unsupported-media');
    expect(error.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  it.each(['gzip', 'br', 'deflate', 'identity, gzip', 'x'])('refuses the encoding %s', (encoding) => {
    expect(refusal(() => read('{}', 'application/json', encoding)).kind).toBe('unsupported-media');
  });

  it('takes the encoding that is none', () => {
    expect(read('{}', 'application/json', 'Identity')).toEqual({});
  });

  it('refuses a request without a body', () => {
    expect(refusal(() => readJsonBody(undefined)).kind).toBe('unsupported-media');
    expect(refusedFields(() => read('', 'application/json'))).toEqual(['body: INVALID_JSON']);
  });

  it('judges the media type before the size, and the size before the content', () => {
    expect(refusal(() => read('{', 'text/plain', undefined, true)).kind).toBe('unsupported-media');
    const error = refusal(() => read('{', 'application/json', undefined, true));
    expect(error.kind).toBe('too-large');
    expect(error.code).toBe('PAYLOAD_TOO_LARGE');
  });
});
