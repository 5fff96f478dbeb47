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
function collectRawBody(limit: number = BODY_MAX_BYTES): BodyParser {
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
interface Server {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(type: string, parser: BodyParser): unknown;
  addHook(name: 'onRequest', hook: (request: Request, reply: Reply, done: () => void) => void): unknown;
  addHook(name: 'onSend', hook: (request: Request, reply: Reply, payload: unknown, done: Done) => void): unknown;
}

interface Request {
  headers: IncomingHttpHeaders;
  readonly body?: unknown;
}

interface Reply {
  header(name: string, value: string): unknown;
}

type Done = (error: null, payload: unknown) => void;

const CONTENT_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/;

/**
 * Makes every body of the server a `RawBody`, whatever its media type (`bodyParser: false` in Nest's options leaves the
 * place free), and closes connections on which a body was cut off.
 */
export function acceptRawBodies(server: Server, limit: number = BODY_MAX_BYTES): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', collectRawBody(limit));
  // Fastify itself answers 415 to a malformed Content-Type before any guard has run; `RawBody` still has the original.
  server.addHook('onRequest', (request, _reply, done) => {
    const type = request.headers['content-type'];
    if (type !== undefined && !CONTENT_TYPE.test(type))
      request.headers = { 'content-type': 'application/octet-stream' };
    done();
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    if (request.body instanceof RawBody && request.body.tooLarge) reply.header('connection', 'close');
    done(null, payload);
  });
}
