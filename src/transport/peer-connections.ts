import { Client, type Dispatcher } from 'undici';
import { AnswerReader } from './answer-reader.js';
import type { Connector } from './connector.js';
import type { CheckedConnection } from './handshake.js';
import type { PeerAnswer } from './peer-answer.js';
import type { PeerEndpoint } from './peer-endpoint.js';
import type { TransportSettings } from './transport-settings.js';
import type { Walk } from './walk.js';

/** Connections to one peer at a time. */
const MAX_CONNECTIONS = 8;
/** Milliseconds that an idle connection is kept, and the longest that a peer may ask us to keep it. */
const KEEP_ALIVE_MS = 4_000;
const KEEP_ALIVE_MAX_MS = 30_000;

/**
 * The connections to one endpoint. Each carries one call at a time and belongs to that call meanwhile, which is what ties
 * an answer to the certificate of the connection it came from. A connection on which a call failed is not used again.
 */
export class PeerConnections {
  #open = 0;
  #retired = false;
  readonly #idle: Lane[] = [];
  readonly #waiting: ((lane: Lane) => void)[] = [];

  /** @param walk is told how the steps of opening them end. */
  constructor(
    private readonly endpoint: PeerEndpoint,
    private readonly connector: Connector,
    private readonly settings: TransportSettings,
    private readonly walk?: Walk,
  ) {}

  /** @throws TransportFailure, or the signal's reason */
  async exchange(request: Dispatcher.DispatchOptions, signal: AbortSignal): Promise<PeerAnswer> {
    const lane = await this.#take(signal);
    try {
      const answer = await lane.exchange(request, signal);
      this.#giveBack(lane);
      return answer;
    } catch (error) {
      this.#discard(lane);
      throw error;
    }
  }

  /** Closes what is idle now, and what is busy as soon as its call is over. */
  retire(): void {
    this.#retired = true;
    for (const lane of this.#idle.splice(0)) this.#discard(lane);
  }

  #take(signal: AbortSignal): Promise<Lane> {
    const idle = this.#idle.pop();
    if (idle) return Promise.resolve(idle);
    if (this.#open < MAX_CONNECTIONS) return Promise.resolve(this.#newLane());
    return new Promise((resolve, reject) => {
      const turn = (lane: Lane) => {
        signal.removeEventListener('abort', giveUp);
        resolve(lane);
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal.reason);
      };
      this.#waiting.push(turn);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #giveBack(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next) next(lane);
    else if (this.#retired) this.#discard(lane);
    else this.#idle.push(lane);
  }

  #discard(lane: Lane): void {
    lane.close();
    this.#open--;
    const next = this.#waiting.shift();
    if (next) next(this.#newLane());
  }

  #newLane(): Lane {
    this.#open++;
    return new Lane(this.endpoint, this.connector, this.settings, this.walk);
  }
}

/** One connection, opened when it is first needed and again after the peer closed it; judged each time. */
class Lane {
  readonly #closed = new AbortController();
  readonly #client: Client;
  #connection: CheckedConnection | undefined;

  constructor(endpoint: PeerEndpoint, connector: Connector, settings: TransportSettings, walk?: Walk) {
    const { maxBodyBytes, maxHeaderBytes } = settings;
    this.#client = new Client(endpoint.base.toString(), {
      connect: (_options, done) => {
        this.#connection = undefined;
        connector.open(endpoint, this.#closed.signal, walk).then(
          (connection) => {
            this.#connection = connection;
            done(null, connection.socket);
          },
          (failure) => done(failure, null),
        );
      },
      pipelining: 1,
      maxResponseSize: maxBodyBytes,
      maxHeaderSize: maxHeaderBytes,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      // The deadline of the call covers both; a peer that drips would renew these for ever.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  async exchange(request: Dispatcher.DispatchOptions, signal: AbortSignal): Promise<PeerAnswer> {
    const reader = new AnswerReader(() => this.#connection);
    const end = () => reader.fail(signal.reason);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    else this.#client.dispatch(request, reader);
    return reader.answer.finally(() => signal.removeEventListener('abort', end));
  }

  close(): void {
    this.#closed.abort();
    void this.#client.destroy();
  }
}
