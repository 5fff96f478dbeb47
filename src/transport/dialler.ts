import { connect, type Socket } from 'node:net';
import { Deadline } from './deadline.js';
import { opened } from './opened.js';
import { failureOf, TransportFailure } from './transport-failure.js';
import type { TransportSettings } from './transport-settings.js';
import { Tunnel } from './tunnel.js';

/** Addresses of one name that are dialled in turn; all of them have been checked. */
const ATTEMPTS = 4;

/** A TCP connection to one of the addresses given, and to nothing else. */
export interface Dialled {
  readonly socket: Socket;
  readonly address: string;
}

/** Dials addresses: directly, or through the operator's proxy, which is told an address and never a name. */
export class Dialler {
  readonly #tunnel: Tunnel | undefined;

  constructor(private readonly settings: TransportSettings) {
    const { proxy, extraRoots } = settings;
    this.#tunnel = proxy && new Tunnel(proxy, extraRoots);
  }

  /** How connections leave us, for people. */
  get way(): string {
    return this.#tunnel ? ` through the proxy ${this.#tunnel.proxy}` : '';
  }

  /** @param addresses checked ones, in the order in which they are tried. @throws TransportFailure */
  async dial(addresses: readonly string[], port: number, deadline: Deadline): Promise<Dialled> {
    const failures: { readonly address: string; readonly failure: TransportFailure }[] = [];
    const tried = addresses.slice(0, ATTEMPTS);
    for (const address of tried) {
      // Each address gets its share, so that a dead first one does not eat the time of the second.
      const share = new Deadline(this.settings.connectMs / tried.length, deadline.signal);
      try {
        return { socket: await this.#open(address, port, share.signal), address };
      } catch (error) {
        if (deadline.signal.aborted) throw this.#late(deadline.signal.reason);
        failures.push({ address, failure: failureOf(error, 'connect') });
      } finally {
        share.clear();
      }
    }
    throw this.#summary(port, failures);
  }

  #open(address: string, port: number, signal: AbortSignal): Promise<Socket> {
    if (this.#tunnel) return this.#tunnel.open(address, port, signal);
    return opened(connect({ host: address, port, noDelay: true }), 'connect', signal);
  }

  #late(why: unknown): TransportFailure {
    const { reason, detail } = failureOf(why, 'timeout');
    return new TransportFailure(reason, `${detail}${this.way}`);
  }

  #summary(
    port: number,
    failures: readonly { readonly address: string; readonly failure: TransportFailure }[],
  ): TransportFailure {
    const last = failures.at(-1)?.failure;
    if (last?.reason === 'proxy') return last;
    const tried = failures.map(({ address, failure }) => `${address} (${failure.detail})`).join(', ');
    return new TransportFailure(last?.reason ?? 'connect', `no connection to port ${port} of ${tried}${this.way}`);
  }
}
