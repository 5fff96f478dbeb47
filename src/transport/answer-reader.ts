import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { BodyBytes } from './body-bytes.js';
import type { CheckedConnection } from './handshake.js';
import { type PeerAnswer, plainHeaders, readJson, retryAfter } from './peer-answer.js';
import { failureOf, TransportFailure } from './transport-failure.js';

/** Interim (1xx) answers are of no use to us; a server that sends many wants our time. */
const MAX_INTERIM = 16;
/** Pieces of one body. Whoever sends a full one in more, wants our time too: each piece costs about the same. */
const MAX_PIECES = 16_384;

/** Takes in one answer. Size is capped by the HTTP client that calls us, time by whoever calls `fail`. */
export class AnswerReader implements Dispatcher.DispatchHandler {
  readonly answer: Promise<PeerAnswer>;
  #resolve: (answer: PeerAnswer) => void;
  #reject: (failure: Error) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #failure: Error | undefined;
  #connection: CheckedConnection | undefined;
  #status = 0;
  #headers: Record<string, string> = {};
  #interim = 0;
  #pieces = 0;
  readonly #body = new BodyBytes();

  /** @param connection gives the connection on which the request is being written, once it is. */
  constructor(private readonly connection: () => CheckedConnection | undefined) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Ends the call. A request that is not yet written never will be. */
  fail(failure: Error): void {
    this.#failure ??= failure;
    this.#reject(failure);
    this.#controller?.abort(failure);
  }

  /** Called just before the first byte is written: the place to make sure of the connection that will answer. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#connection = this.connection();
    if (this.#failure) controller.abort(this.#failure);
    else if (!this.#connection) this.fail(new TransportFailure('connect', 'the server was not judged'));
    else if (this.#connection.validUntil < new Date()) {
      this.fail(new TransportFailure('tls-chain', "the server's certificate expired while the connection was open"));
    }
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) {
      if (++this.#interim > MAX_INTERIM) this.fail(new TransportFailure('bad-answer', 'too many interim answers'));
      return;
    }
    this.#status = status;
    this.#headers = plainHeaders(headers);
    const coding = foreignCoding(this.#headers);
    if (coding)
      this.fail(new TransportFailure('bad-answer', `the answer is coded as ${coding}, which we did not ask for`));
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (++this.#pieces > MAX_PIECES) this.fail(new TransportFailure('bad-answer', 'the body comes in too many pieces'));
    else this.#body.add(chunk);
  }

  onResponseEnd(): void {
    // Without a judged connection onRequestStart has failed the call already: an answer never claims a pin of its own.
    if (!this.#connection) return;
    const { bytes } = this.#body;
    this.#resolve({
      status: this.#status,
      headers: this.#headers,
      body: readJson(this.#headers['content-type'], bytes),
      bodyBytes: bytes.length,
      serverPin: this.#connection.pin,
      serverValidUntil: this.#connection.validUntil,
      retryAfterSeconds: retryAfter(this.#headers['retry-after'], new Date()),
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const misuse = 'code' in error && error.code === 'UND_ERR_INVALID_ARG';
    this.#reject(misuse ? new TypeError(error.message) : failureOf(error, 'bad-answer'));
  }
}

/** We ask for bodies as they are. Whoever sends another coding means to be unpacked, which is how a kilobyte becomes a gigabyte. */
function foreignCoding(headers: Record<string, string>): string | undefined {
  const content = headers['content-encoding'] ?? 'identity';
  const transfer = headers['transfer-encoding'] ?? 'chunked';
  if (!/^(?:identity)?$/i.test(content)) return JSON.stringify(content.slice(0, 40));
  if (!/^chunked$/i.test(transfer)) return JSON.stringify(transfer.slice(0, 40));
  return undefined;
}
