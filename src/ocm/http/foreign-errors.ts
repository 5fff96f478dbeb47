import { HttpException } from '@nestjs/common';
import { isJsonObject, type JsonObject } from '../canonical-json.js';

/**
 * The status that Nest, Fastify or Node's HTTP parser mean by an error of theirs; undefined for any other error. A bare
 * `statusCode` is not believed: clients of other servers put the answers they got there.
 */
export function foreignStatus(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  if (!isJsonObject(error)) return undefined;
  const code = typeof error.code === 'string' ? error.code : '';
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  if (code.startsWith('HPE_')) return 400;
  const isOurs = code.startsWith('FST_') || (typeof error.expose === 'boolean' && error.status === error.statusCode);
  return isOurs && typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

/** Whether a database or something else that we depend on cannot be reached or cannot take more work now. */
export function isOutage(error: unknown): boolean {
  return causesOf(error).some((cause) => hasOutageCode(cause) || hasOutageMessage(cause));
}

/** Whether the database refused a text that is not text in its encoding (SQLSTATE 22021, 22P05). */
export function isUnstorableText(error: unknown): boolean {
  return causesOf(error).some(({ code }) => code === '22021' || code === '22P05');
}

/**
 * SQLSTATE: connection exceptions, insufficient resources, operator intervention, cancelled by timeout, read only (a
 * replica took over), serialisation failure, deadlock, lock not available.
 */
const OUTAGE_SQLSTATE = /^(?:08...|53...|57P..|57014|25006|40001|40P01|55P03)$/;
const OUTAGE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

function hasOutageCode({ code, syscall }: JsonObject): boolean {
  return syscall === 'connect' || (typeof code === 'string' && (OUTAGE_CODES.has(code) || OUTAGE_SQLSTATE.test(code)));
}

/** Errors of the PostgreSQL driver and of TypeORM that carry no code. */
const OUTAGE_MESSAGE =
  /^(?:timeout exceeded when trying to connect|Connection terminated|Query read timeout|Client has encountered a connection error|Cannot use a pool after calling end|Driver not Connected|Connection is not established)/;

function hasOutageMessage({ message }: JsonObject): boolean {
  return typeof message === 'string' && OUTAGE_MESSAGE.test(message);
}

/** The error, what the driver said, what caused it, and the attempts it sums up. */
function causesOf(error: unknown, depth = 0): JsonObject[] {
  if (!isJsonObject(error) || depth > 4) return [];
  const attempts: unknown[] = Array.isArray(error.errors) ? error.errors.slice(0, 8) : [];
  return [error, ...[error.driverError, error.cause, ...attempts].flatMap((cause) => causesOf(cause, depth + 1))];
}
