import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { runInContext } from '../../src/kernel/request-context.js';
import { Secret } from '../../src/kernel/secret.js';
import { type LogLevel, PinoLogger } from '../../src/operations/logging.js';

const CANARY = 'canary-7f3a9c';

function logging(say: (logger: PinoLogger) => void, level: LogLevel = 'trace') {
  const lines: string[] = [];
  say(new PinoLogger(level, { write: (line: string) => lines.push(line) }));
  return { text: lines.join(''), lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('a secret', () => {
  it.each([
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'Set-Cookie',
    'Client-Cert',
    'client_cert_chain',
    'token',
    'access_token',
    'accessToken',
    'refresh_token',
    'code',
    'password',
    'sharedSecret',
    'client_secret',
    'client_assertion',
    'privateKey',
    'body',
  ])('is not logged under the name %s, at any depth', (name) => {
    const { text } = logging((logger) => {
      logger.log({ [name]: CANARY });
      logger.warn('nested', { request: { headers: [{ [name]: CANARY }] } });
      logger.error(Object.assign(new Error('failed'), { response: { [name]: CANARY } }));
    });
    expect(text).not.toContain(CANARY);
    expect(text).toContain('[redacted]');
  });

  it.each([
    `called with Authorization: Bearer ${CANARY}`,
    `GET https://cloud2.localhost/x?access_token=${CANARY}&a=b`,
    `GET /login/callback?code=${CANARY}`,
    `{"access_token":"${CANARY}"}`,
    `{"code": "${CANARY}"}`,
    `client_secret=${CANARY}`,
    `postgres://user:${CANARY}@db/entente`,
    `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----`,
    `eyJhbGciOiJFUzI1NiJ9.${CANARY}.${CANARY}`,
  ])('is not logged inside of a sentence: %s', (sentence) => {
    const { text } = logging((logger) => {
      logger.log(sentence);
      logger.error(new Error(sentence));
      logger.error('failed', `Error: ${sentence}\n    at somewhere`, 'Context');
      logger.log({ note: sentence });
    });
    expect(text).not.toContain(CANARY);
  });

  it.each([
    ['letters', 'a'.repeat(20_000)],
    ['words in a row', 'ab-cd_'.repeat(3_000)],
    ['names of secrets', 'token '.repeat(3_000)],
  ])('is looked for in little time, whatever the text: %s', (_, text) => {
    const since = performance.now();
    logging((logger) => logger.log(text));
    expect(performance.now() - since).toBeLessThan(500);
  });

  it('prints as a word if it is held by its class', () => {
    const { text } = logging((logger) => logger.log({ held: new Secret(CANARY) }, new Secret(CANARY)));
    expect(text).not.toContain(CANARY);
    expect(text).toContain('"held":"[secret]"');
  });

  it('is not logged as parameter, detail or quoted value of a failed query', () => {
    const driver = Object.assign(new Error(`invalid input syntax for type uuid: "${CANARY}"`), {
      code: '22P02',
      detail: CANARY,
    });
    const error = new QueryFailedError('insert into t values ($1)', [CANARY], driver);
    const { text, lines } = logging((logger) => logger.error(error));
    expect(text).not.toContain(CANARY);
    expect(lines[0]).toMatchObject({
      error: { type: 'QueryFailedError', message: 'invalid input syntax for type uuid' },
    });
  });

  it('is not logged as the text that was no JSON', () => {
    const { text } = logging((logger) => {
      try {
        JSON.parse(`{${CANARY}`);
      } catch (error) {
        logger.error(error);
        logger.error('failed', new Error('outer', { cause: error }));
      }
    });
    expect(text).not.toContain(CANARY);
  });
});

describe('a line', () => {
  it('is JSON with time, level, context and message', () => {
    const { lines } = logging((logger) => logger.warn('careful', 'Outbox'));
    expect(lines).toEqual([
      { level: 40, time: expect.stringMatching(/^\d{4}-.*Z$/), context: 'Outbox', msg: 'careful' },
    ]);
  });

  it('carries the id of the request that caused it', () => {
    const { lines } = logging((logger) =>
      runInContext({ requestId: 'r1', actor: { kind: 'stranger', id: '' } }, () => logger.log('hello')),
    );
    expect(lines[0]).toMatchObject({ requestId: 'r1', msg: 'hello' });
  });

  it('holds where an error arose, and what caused it, but nothing else of it', () => {
    const cause = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' });
    const error = Object.assign(new Error('outer', { cause }), { response: { data: 'x' } });
    const { lines } = logging((logger) => logger.error(error, 'Outbox'));
    expect(lines[0]).toMatchObject({
      context: 'Outbox',
      error: {
        type: 'Error',
        message: 'outer',
        stack: expect.stringContaining('logging.spec.ts'),
        cause: { message: 'connect failed', code: 'ECONNREFUSED' },
      },
    });
    expect(lines[0]).not.toHaveProperty('error.response');
  });

  it('about a request says who did what, and how it ended', () => {
    const { lines } = logging((logger) =>
      logger.request({
        requestId: 'r1',
        method: 'GET',
        route: '/shares/:id',
        status: 200,
        ms: 1.5,
        actor: { kind: 'peer', id: 'p1' },
        aborted: false,
      }),
    );
    expect(lines[0]).toEqual({
      level: 30,
      time: expect.any(String),
      requestId: 'r1',
      method: 'GET',
      route: '/shares/:id',
      status: 200,
      ms: 1.5,
      actor: 'peer',
      actorId: 'p1',
      msg: 'request',
    });
  });

  it('is not written below the level', () => {
    const { lines } = logging((logger) => {
      logger.log('a');
      logger.debug('b');
      logger.warn('c');
    }, 'warn');
    expect(lines.map(({ msg }) => msg)).toEqual(['c']);
  });

  it('survives what refers to itself, and what lies too deep', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const { lines } = logging((logger) => logger.log('odd', circle, 10n, () => CANARY, Buffer.from(CANARY)));
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).toContain('[deep]');
  });
});
