import { type ArgumentsHost, Catch, type ExceptionFilter, Logger, Optional } from '@nestjs/common';
import { type ErrorKind, FederationError, ValidationFailed } from '../../kernel/federation-error.js';
import type { ErrorBodyDto } from './error-body.dto.js';
import { foreignStatus, isOutage, isUnstorableText } from './foreign-errors.js';
import type { FederationRequest } from './request.js';

/** The one table that turns what happened into a status. */
export const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  missing: 404,
  conflict: 409,
  'too-large': 413,
  'unsupported-media': 415,
  misdirected: 421,
  'too-many': 429,
  'not-offered': 501,
  unavailable: 503,
};

/** How refusals that are not ours (framework, HTTP parser) are spelt. */
const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  400: 'VALIDATION_FAILED',
  401: 'CLIENT_NOT_AUTHENTICATED',
  403: 'NOT_ALLOWED',
  404: 'RESOURCE_NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  408: 'REQUEST_TIMEOUT',
  409: 'STATE_CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  414: 'URI_TOO_LONG',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  417: 'EXPECTATION_FAILED',
  421: 'MISDIRECTED_REQUEST',
  429: 'TOO_MANY_REQUESTS',
  431: 'HEADERS_TOO_LARGE',
  501: 'NOT_ENABLED',
  503: 'UNAVAILABLE',
};

/** Seconds, where the error does not say when to come back. */
const RETRY_AFTER: Readonly<Record<number, number>> = { 429: 60, 503: 5 };

/** After these the rest of the connection is not worth reading. */
const CLOSING = new Set([401, 408, 413, 431]);

export interface SpelledError {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBodyDto;
}

/** Any error as an answer. Pure: also for places that no filter reaches, such as malformed HTTP. Gives no text away. */
export function spellError(error: unknown): SpelledError {
  if (error instanceof FederationError) return spellOurs(error);
  const foreign = foreignStatus(error);
  const code = foreign === undefined ? undefined : CODE_OF_STATUS[foreign];
  if (foreign !== undefined && code !== undefined) return spell(foreign, { message: code });
  if (foreign !== undefined && foreign >= 400 && foreign < 500) return spell(400, { message: 'VALIDATION_FAILED' });
  if (isUnstorableText(error)) return spellOurs(ValidationFailed.of('body', 'INVALID_STRING'));
  if (isOutage(error)) return spell(503, { message: 'UNAVAILABLE' });
  return spell(500, { message: 'INTERNAL_ERROR' });
}

function spellOurs(error: FederationError): SpelledError {
  const { fields, retryAfter } = error.details;
  const named = error.kind === 'invalid' && fields && fields.length > 0;
  const validationErrors = named ? fields.map(({ name, message }) => ({ name, message })) : undefined;
  const body = validationErrors ? { message: error.code, validationErrors } : { message: error.code };
  return spell(STATUS_OF_KIND[error.kind], body, retryAfter);
}

function spell(status: number, body: ErrorBodyDto, retryAfter = RETRY_AFTER[status]): SpelledError {
  const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' };
  if (CLOSING.has(status)) headers.connection = 'close';
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfter)));
  return { status, headers, body };
}

/** What the filter needs of Fastify's reply. */
interface Reply {
  readonly sent: boolean;
  readonly raw: { readonly writableEnded: boolean; destroy(): unknown };
  status(code: number): Reply;
  headers(values: Readonly<Record<string, string>>): Reply;
  send(body: string): unknown;
}

/** Answers every error of every route, in the one shape. The text of an error goes to the log alone. */
@Catch()
export class OcmErrorFilter implements ExceptionFilter {
  constructor(@Optional() private readonly logger: Logger = new Logger(OcmErrorFilter.name)) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<Reply>();
    const { status, headers, body } = spellError(error);
    this.log(error, status, http.getRequest<FederationRequest>().id);
    if (!reply.sent) reply.status(status).headers(headers).send(JSON.stringify(body));
    else if (!reply.raw.writableEnded) reply.raw.destroy();
  }

  private log(error: unknown, status: number, requestId: string | undefined): void {
    const line = `request ${requestId ?? '-'} answered ${status}: ${described(error)}`;
    const whole = error instanceof Error ? [error] : [];
    if (status === 500) this.logger.error(line, ...whole);
    else if (status === 503) this.logger.warn(line, ...whole);
    else this.logger.debug(line);
  }
}

/** Our own words; of anybody else's errors the name, for their texts quote what a caller sent. */
function described(error: unknown): string {
  if (error instanceof FederationError) return `${error.name}: ${error.message}`;
  return error instanceof Error ? error.name : 'something that is no Error was thrown';
}
