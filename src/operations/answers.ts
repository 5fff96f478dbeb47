import type { ServerResponse } from 'node:http';
import { HttpException } from '@nestjs/common';
import { FederationError, NotFound, ValidationFailed } from '../kernel/federation-error.js';
import { spellError } from '../ocm/http/ocm-error.filter.js';
import { SECURITY_HEADERS } from './security-headers.js';

/** An answer that never reaches the application: status, headers and the bytes of the body. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Of the answers that we write byte by byte. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/** How the edge refuses a request, in the shape of every other error. All of them end the connection. */
export const refusal = {
  malformed: () => spelled(ValidationFailed.of('request', 'MALFORMED')),
  /** NUL, or bytes that are not UTF-8, in the address. */
  invalidString: () => spelled(ValidationFailed.of('request', 'INVALID_STRING')),
  misdirected: () => spelled(new FederationError('misdirected', 'MISDIRECTED_REQUEST')),
  noSuchThing: () => spelled(new NotFound()),
  draining: () => spelled(new FederationError('unavailable', 'UNAVAILABLE', { retryAfter: 5 })),
  methodUnknown: () => spelled(new HttpException('', 405), { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE' }),
  timedOut: () => spelled(new HttpException('', 408)),
  headersTooLarge: () => spelled(new HttpException('', 431)),
} satisfies Record<string, () => Answer>;

/** The bytes of an answer, for a connection on which no request could be read. */
export function onTheWire(answer: Answer, requestId: string): string {
  const headers = {
    ...SECURITY_HEADERS,
    ...answer.headers,
    'x-request-id': requestId,
    'content-length': String(Buffer.byteLength(answer.body)),
    date: new Date().toUTCString(),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${answer.status} ${REASONS[answer.status] ?? ''}\r\n${lines.join('')}\r\n${answer.body}`;
}

/** Sends an answer on a response that nobody has begun. */
export function send(answer: Answer, response: ServerResponse): void {
  response
    .writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) })
    .end(answer.body);
}

function spelled(error: Error, extra: Record<string, string> = {}): Answer {
  const { status, headers, body } = spellError(error);
  return { status, headers: { ...headers, ...extra, connection: 'close' }, body: JSON.stringify(body) };
}
