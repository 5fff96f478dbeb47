import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino } from 'pino';
import { type Actor, currentContext } from '../kernel/request-context.js';
import { redact, redactText } from './redaction.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What is said of one request once its answer is out (or its caller gone). */
export interface RequestLine {
  readonly requestId: string;
  readonly method: string;
  /** The pattern of the route, such as `/shares/:id`; never the address that was asked for. */
  readonly route: string;
  readonly status: number;
  readonly ms: number;
  readonly actor: Actor;
  /** The caller went away before the whole answer was out. */
  readonly aborted: boolean;
}

/** Logs as lines of JSON. What happens on behalf of a request carries its id; secrets are redacted before they are written. */
export class PinoLogger implements LoggerService {
  private readonly pino: Logger;

  /** @param destination default: standard output. */
  constructor(level: LogLevel = 'info', destination?: DestinationStream) {
    this.pino = pino(
      { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
      destination ?? pino.destination(1),
    );
  }

  /** One line for each request. Its fields are ours, so nothing needs to be redacted. */
  request(line: RequestLine): void {
    const { actor, aborted, ...rest } = line;
    const said = { ...rest, actor: actor.kind, actorId: actor.id || undefined, aborted: aborted || undefined };
    this.pino[line.status >= 500 && !aborted ? 'error' : 'info'](said, 'request');
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  private write(level: Exclude<LogLevel, 'silent'>, message: unknown, rest: unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const { context, stack, error, details } = sort(message, rest);
    const { requestId } = currentContext();
    this.pino[level](
      {
        requestId: requestId || undefined,
        context: context && redactText(context),
        error: error && redact(error),
        stack: stack && redactText(stack),
        ...details,
      },
      typeof message === 'string' ? redactText(message) : error?.message === undefined ? '' : undefined,
    );
  }
}

interface Sorted {
  readonly context?: string;
  readonly stack?: string;
  readonly error?: Error;
  readonly details?: { readonly details: unknown };
}

/** Nest hands on `(message, …, stack?, context?)`: the context is the last text, a stack is a text with frames. */
function sort(message: unknown, rest: unknown[]): Sorted {
  const texts = rest.filter((item) => typeof item === 'string');
  const stack = texts.find((text) => /\n[ \t]+at /.test(text));
  const context = texts.filter((text) => text !== stack).at(-1);
  const things = [message, ...rest].filter((item) => item !== undefined && typeof item !== 'string');
  const error = things.find((item) => item instanceof Error);
  const others = things.filter((item) => item !== error);
  return { context, stack, error, details: others.length > 0 ? { details: redact(others) } : undefined };
}
