import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Connector } from './connector.js';
import { Deadline } from './deadline.js';
import { LeastRecentlyUsed } from './least-recently-used.js';
import type { PeerAnswer, PeerRequest } from './peer-answer.js';
import { PeerConnections } from './peer-connections.js';
import { connectionKey, type PeerEndpoint } from './peer-endpoint.js';
import { TransportFailure } from './transport-failure.js';
import { TransportSettings } from './transport-settings.js';
import { Walk, type WalkedStep } from './walk.js';

/** A call, step by step; the last step is the one that failed, if one did. */
export interface WalkedCall {
  readonly steps: readonly WalkedStep[];
  /** Undefined if a step failed. */
  readonly answer?: PeerAnswer;
}

type AnswerListener = (endpoint: PeerEndpoint, answer: PeerAnswer) => void;

/** The only way out to another cloud: a checked address, a judged server, our certificate, caps on time and size. */
@Injectable()
export class PeerClient implements OnApplicationShutdown {
  #connector: Connector;
  readonly #peers: LeastRecentlyUsed<PeerConnections>;
  readonly #underway = new Set<Promise<unknown>>();
  readonly #listeners: AnswerListener[] = [];
  #closed = false;

  constructor(private readonly settings: TransportSettings) {
    this.#connector = new Connector(settings);
    this.#peers = new LeastRecentlyUsed(settings.maxPeers, (connections) => connections.retire());
  }

  /**
   * One call to a peer; its answer whatever the status. Nothing is retried and no redirect is followed.
   * @throws TransportFailure if there is no answer; TypeError if the request itself is malformed.
   */
  send(endpoint: PeerEndpoint, request: PeerRequest): Promise<PeerAnswer> {
    return this.#exchange(endpoint, request, () => this.#connectionsTo(endpoint));
  }

  /** The same call on a connection of its own, with what each of its steps found. @throws TypeError as above */
  async walk(endpoint: PeerEndpoint, request: PeerRequest): Promise<WalkedCall> {
    const walk = new Walk();
    const connections = new PeerConnections(endpoint, this.#connector, this.settings, walk);
    try {
      const answer = await this.#exchange(endpoint, request, () => connections);
      walk.answered(answer.status);
      return { steps: walk.steps, answer };
    } catch (error) {
      if (!(error instanceof TransportFailure)) throw error;
      walk.gaveUp(error);
      return { steps: walk.steps };
    } finally {
      connections.retire();
    }
  }

  async #exchange(
    endpoint: PeerEndpoint,
    request: PeerRequest,
    connections: () => PeerConnections,
  ): Promise<PeerAnswer> {
    if (this.#closed) throw new TransportFailure('connect', 'the client is closed');
    const outgoing = onTheWire(endpoint, request);
    const deadline = new Deadline(request.deadlineMs ?? this.settings.deadlineMs, request.signal);
    const exchange = connections().exchange(outgoing, deadline.signal);
    this.#underway.add(exchange);
    try {
      const answer = await exchange;
      for (const listener of this.#listeners) listener(endpoint, answer);
      return answer;
    } finally {
      deadline.clear();
      this.#underway.delete(exchange);
    }
  }

  /** Told of every answer before the caller is; it must not throw. */
  onAnswer(listener: AnswerListener): void {
    this.#listeners.push(listener);
  }

  /**
   * From the next call on peers' web certificates are judged by these roots, besides the system's; connections that were
   * judged by others carry no further call. @throws TypeError if one cannot be read: nothing has changed then.
   */
  judgeBy(extraRoots: readonly string[]): void {
    this.#connector = new Connector(new TransportSettings({ ...this.settings, extraRoots }));
    this.#peers.clear();
  }

  /** Refuses new calls and waits for those underway, which their deadlines bound. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#peers.clear();
    await Promise.allSettled(this.#underway);
  }

  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  #connectionsTo(endpoint: PeerEndpoint): PeerConnections {
    const key = connectionKey(endpoint);
    return this.#peers.get(key) ?? this.#peers.set(key, new PeerConnections(endpoint, this.#connector, this.settings));
  }
}

function onTheWire({ base }: PeerEndpoint, { method, path, headers, body }: PeerRequest) {
  if (!path.startsWith('/')) throw new TypeError('a path begins with a slash');
  const json = body === undefined ? undefined : JSON.stringify(body);
  const given = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    method,
    path,
    body: json,
    headers: {
      accept: 'application/json, application/hal+json',
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(given),
      host: base.authority,
      // Decompressing what a stranger sends is how a kilobyte becomes a gigabyte.
      'accept-encoding': 'identity',
      'user-agent': 'Entente',
    },
  };
}
