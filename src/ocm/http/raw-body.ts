import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

/** Largest body of a protocol call. */
const BODY_MAX_BYTES = 64 * 1024;

/** A request's body as it came, not judged: what it is worth is said after the guard, by the pipe that reads it. */
export class RawBody {
  constructor(
    /** Empty if the body was too large. */
    readonly bytes: Buffer,
    readonly tooLarge: boolean,
    /** The headers as sent. */
    readonly contentType: string | undefined,
    readonly contentEncoding: string | undefined,
  ) {}
}

type BodyParser = (
  request: { readonly raw: { readonly headers: IncomingHttpHeaders } },
  payload: Readable,
  done: (error: Error | null, body?: RawBody) => void,
) => void;

/** A Fastify content-type parser that keeps up to `limit` bytes and drops the rest; it refuses nothing. */
function collectRawBody(limit: number): BodyParser {
  return (request, payload, done) => {
    const headers = request.raw.headers;
    const finish = (bytes: Buffer, tooLarge: boolean): void => {
      payload.off('data', keep).off('end', complete).off('error', fail);
      done(null, new RawBody(bytes, tooLarge, headers['content-type'], headers['content-encoding']));
    };
    const chunks: Buffer[] = [];
    let length = 0;
    const keep = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > limit) dropRest();
      else chunks.push(chunk);
    };
    const complete = (): void => finish(Buffer.concat(chunks, length), false);
    const fail = (error: Error): void => done(error);
    // What still arrives is discarded until the answer, which closes the connection, has gone out: a sender that is
    // only a little over the limit gets to read it.
    const dropRest = (): void => {
      payload.on('error', () => undefined).resume(); // nobody is left to be told that the caller went away
      finish(Buffer.alloc(0), true);
    };
    if (Number(headers['content-length']) > limit) dropRest();
    else payload.on('data', keep).on('end', complete).on('error', fail);
  };
}

/** What is needed of a Fastify instance. */
interface Server<R extends Request> {
  hasContentTypeParser(type: string): boolean;
  addContentTypeParser(type: string, parser: BodyParser): unknown;
  addHook(name: 'onRequest', hook: (request: R, reply: Reply, done: () => void) => void): unknown;
  addHook(name: 'onSend', hook: (request: R, reply: Reply, payload: unknown, done: Done) => void): unknown;
}

interface Request {
  headers: IncomingHttpHeaders;
  readonly body?: unknown;
}

interface Reply {
  header(name: string, value: string): unknown;
}

type Done = (error: null, payload: unknown) => void;

/**
 * The media type under which our parser stands among the host's. A request of ours is given it before Fastify looks for
 * a parser, `RawBody` still has the original; nobody else can guess it.
 */
const OURS = `application/x-entente-${randomBytes(16).toString('hex')}`;

interface RawBodyRoutes<R> {
  /** Which requests are for routes that take a `RawBody`. Default: all. */
  readonly only?: (request: R) => boolean;
  /** Bytes. */
  readonly limit?: number;
}

/**
 * Makes the bodies of some routes a `RawBody`, whatever their media type, also one that Fastify itself would answer with
 * 415 before any guard has run; and closes connections on which such a body was cut off. Parsers of other routes stay
 * what they are.
 */
export function acceptRawBodies<R extends Request>(server: Server<R>, { only, limit }: RawBodyRoutes<R> = {}): void {
  keepRawBodyParser(server, limit);
  server.addHook('onRequest', (request, _reply, done) => {
    if ((only?.(request) ?? true) && announcesBody(request.headers)) request.headers = { 'content-type': OURS };
    done();
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    if (request.body instanceof RawBody && request.body.tooLarge) reply.header('connection', 'close');
    done(null, payload);
  });
}

/** Puts our parser in its place, also after somebody has removed every parser of the server. */
export function keepRawBodyParser(
  server: Pick<Server<Request>, 'hasContentTypeParser' | 'addContentTypeParser'>,
  limit: number = BODY_MAX_BYTES,
): void {
  if (!server.hasContentTypeParser(OURS)) server.addContentTypeParser(OURS, collectRawBody(limit));
}

function announcesBody(headers: IncomingHttpHeaders): boolean {
  const { 'content-type': type, 'content-length': length = '0', 'transfer-encoding': encoding } = headers;
  return type !== undefined || encoding !== undefined || length !== '0';
}
