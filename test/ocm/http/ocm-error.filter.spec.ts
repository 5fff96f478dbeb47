import {
  BadRequestException,
  ForbiddenException,
  ImATeapotException,
  InternalServerErrorException,
  MethodNotAllowedException,
  NotFoundException,
  ServiceUnavailableException,
} from '@nestjs/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERROR_KINDS, FederationError, NotFound, ValidationFailed } from '../../../src/kernel/federation-error.js';
import { STATUS_OF_KIND, spellError } from '../../../src/ocm/http/ocm-error.filter.js';

const withCode = (code: string, more: object = {}) => Object.assign(new Error('password=hunter2'), { code, ...more });

describe('spelling an error', () => {
  it('has a status for every kind', () => {
    expect(ERROR_KINDS.map((kind) => spellError(new FederationError(kind, 'CODE')).status)).toEqual([
      400, 401, 403, 404, 409, 413, 415, 421, 429, 501, 503,
    ]);
    expect(Object.keys(STATUS_OF_KIND)).toEqual([...ERROR_KINDS]);
  });

  it('says the code and nothing else', () => {
    expect(spellError(new NotFound('share 17 belongs to another peer'))).toEqual({
      status: 404,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: { message: 'RESOURCE_NOT_FOUND' },
    });
  });

  it('lists the refused fields of invalid input', () => {
    const { status, body } = spellError(ValidationFailed.of('shareWith', 'NOT_FOUND'));
    expect(status).toBe(400);
    expect(body).toEqual({
      message: 'VALIDATION_FAILED',
      validationErrors: [{ name: 'shareWith', message: 'NOT_FOUND' }],
    });
    expect(spellError(new FederationError('conflict', 'X', { fields: [{ name: 'a', message: 'B' }] })).body).toEqual({
      message: 'X',
    });
    expect(spellError(new ValidationFailed([])).body).toEqual({ message: 'VALIDATION_FAILED' });
  });

  it('ends the connection of whoever is not authenticated, or sends too much', () => {
    expect(spellError(new FederationError('unauthenticated', 'CLIENT_NOT_AUTHENTICATED')).headers.connection).toBe(
      'close',
    );
    expect(spellError(new FederationError('too-large', 'PAYLOAD_TOO_LARGE')).headers.connection).toBe('close');
    expect(spellError(new NotFound()).headers.connection).toBeUndefined();
  });

  it('says when to come back', () => {
    const retryAfter = (error: unknown) => spellError(error).headers['retry-after'];
    expect(retryAfter(new FederationError('unavailable', 'UNAVAILABLE'))).toBe('5');
    expect(retryAfter(new FederationError('too-many', 'TOO_MANY_REQUESTS', { retryAfter: 12.2 }))).toBe('13');
    expect(retryAfter(new FederationError('too-many', 'TOO_MANY_REQUESTS'))).toBe('60');
    expect(retryAfter(new FederationError('conflict', 'NOT_YET_CONFIRMED', { retryAfter: 0 }))).toBe('1');
    expect(retryAfter(new NotFound())).toBeUndefined();
  });

  it.each([
    [new NotFoundException('Cannot GET /x'), 404, 'RESOURCE_NOT_FOUND'],
    [new BadRequestException(['secret detail']), 400, 'VALIDATION_FAILED'],
    [new ForbiddenException(), 403, 'NOT_ALLOWED'],
    [new MethodNotAllowedException(), 405, 'METHOD_NOT_ALLOWED'],
    [new ImATeapotException(), 400, 'VALIDATION_FAILED'],
    [new ServiceUnavailableException(), 503, 'UNAVAILABLE'],
    [new InternalServerErrorException('hunter2'), 500, 'INTERNAL_ERROR'],
    [withCode('FST_ERR_BAD_URL', { statusCode: 400 }), 400, 'VALIDATION_FAILED'],
    [withCode('FST_ERR_CTP_BODY_TOO_LARGE', { statusCode: 413 }), 413, 'PAYLOAD_TOO_LARGE'],
    [withCode('FST_ERR_CTP_INVALID_MEDIA_TYPE', { statusCode: 415 }), 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [withCode('FST_ERR_REP_ALREADY_SENT', { statusCode: 500 }), 500, 'INTERNAL_ERROR'],
    [withCode('X', { statusCode: 414, status: 414, expose: true }), 414, 'URI_TOO_LONG'],
    [withCode('HPE_INVALID_METHOD'), 400, 'VALIDATION_FAILED'],
    [withCode('HPE_HEADER_OVERFLOW'), 431, 'HEADERS_TOO_LARGE'],
    [withCode('ERR_HTTP_REQUEST_TIMEOUT'), 408, 'REQUEST_TIMEOUT'],
  ])('puts what frameworks throw into the same shape: %s', (error, status, message) => {
    const spelled = spellError(error);
    expect(spelled.status).toBe(status);
    expect(spelled.body).toEqual({ message });
  });

  it('does not believe the status in an error of a client of other servers', () => {
    expect(spellError(withCode('UND_ERR_RESPONSE', { statusCode: 404 })).status).toBe(500);
  });

  it.each([
    ['a refused connection', withCode('ECONNREFUSED')],
    ['a missing socket', withCode('ENOENT', { syscall: 'connect' })],
    ['a connection exception', withCode('08006')],
    ['too many connections', withCode('53300')],
    ['a shutdown', withCode('57P01')],
    ['a statement timeout', withCode('57014')],
    ['a deadlock', withCode('40P01')],
    ['what the driver said', Object.assign(new Error('query failed'), { driverError: withCode('57P03') })],
    ['what caused it', new Error('lookup', { cause: new Error('deeper', { cause: withCode('ETIMEDOUT') }) })],
    ['several attempts', new AggregateError([withCode('X'), withCode('ECONNREFUSED')])],
    ['an exhausted pool', new Error('timeout exceeded when trying to connect')],
    ['a lost connection', new Error('Connection terminated unexpectedly')],
  ])('calls it unavailable for %s', (_what, error) => {
    const spelled = spellError(error);
    expect(spelled.status).toBe(503);
    expect(spelled.body).toEqual({ message: 'UNAVAILABLE' });
    expect(spelled.headers['retry-after']).toBe('5');
  });

  it.each(['22021', '22P05'])('takes text that the database cannot hold (%s) for invalid input', (code) => {
    expect(spellError(Object.assign(new Error('insert'), { driverError: withCode(code) })).status).toBe(400);
  });

  it('survives an error that causes itself', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(spellError(error).status).toBe(500);
  });

  it('answers anything that is thrown, and gives no text away', () => {
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true }),
        (thrown) => {
          const { status, body } = spellError(thrown);
          expect(status === 500 || status === 503 || (status >= 400 && status < 500)).toBe(true);
          expect(body.message).toMatch(/^[A-Z_]+$/);
        },
      ),
    );
    expect(JSON.stringify(spellError(withCode('23505')))).not.toContain('hunter2');
  });
});
