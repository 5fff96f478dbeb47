import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import * as tls from 'node:tls';
import type { ClientCredential } from '../../src/transport/peer-endpoint.js';
import type { Fault, ProxiedConnection, Way } from './fault-proxy.js';

/** Of both sides, so that neither notices that TLS ends in between. */
export interface TunnelKeys {
  readonly client: ClientCredential;
  readonly server: ClientCredential;
}

const RESET_AFTER_MS = 5;

/** One connection and its other half. */
export class Tunnel implements ProxiedConnection {
  readonly bytes = { request: 0, answer: 0 };
  struck = false;
  readonly closed: Promise<unknown>;
  /** The connection that came, and the one to the server. */
  readonly #wires: readonly Socket[];
  readonly #over = new AbortController();

  constructor(
    readonly fault: Fault,
    client: Socket,
    target: number,
    keys: TunnelKeys | undefined,
  ) {
    const isDeaf = fault.kind === 'hang' || fault.kind === 'reset';
    const server = isDeaf
      ? undefined
      : connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.#wires = server ? [client, server] : [client];
    this.closed = Promise.all(this.#wires.map((wire) => this.#watch(wire)));
    const inside = 'inside' in fault && fault.inside;
    if (inside && !keys) throw new Error('a fault inside TLS takes keys');
    if (server) this.#join(client, server, inside ? keys : undefined);
    else this.#mistreat(client);
  }

  async destroy(): Promise<void> {
    for (const wire of this.#wires) wire.destroy();
    await this.closed;
  }

  #join(client: Socket, server: Socket, keys: TunnelKeys | undefined): void {
    const [near, far] = keys ? [asServer(client, keys), asClient(server, keys)] : [client, server];
    for (const end of [near, far]) end.on('error', () => this.#reset());
    void this.#carry('request', near, far);
    void this.#carry('answer', far, near);
  }

  #mistreat(client: Socket): void {
    this.struck = true;
    if (this.fault.kind === 'reset') client.resetAndDestroy();
    else client.once('end', () => void this.destroy()).resume();
  }

  /** What ends on one side in disorder ends so on the other. */
  async #watch(wire: Socket): Promise<void> {
    wire.on('error', () => this.#reset());
    await new Promise((resolve) => wire.once('close', resolve));
    if (this.#wires.every(({ destroyed }) => destroyed)) this.#over.abort();
  }

  #reset(): void {
    for (const wire of this.#wires) wire.resetAndDestroy();
    this.#over.abort();
  }

  async #carry(way: Way, from: Socket, to: Socket): Promise<void> {
    try {
      let goesOn = true;
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        const strike = goesOn ? this.#strikeIn(way, chunk) : undefined;
        if (strike !== undefined) goesOn = await this.#strike(way, chunk, strike, from, to);
        else if (goesOn) await this.#pass(way, chunk, to);
      }
      if (goesOn || this.fault.kind === 'half-close') to.end();
      else void this.destroy();
    } catch {
      // A socket broke, or the proxy was told to stop: either way both halves are over.
      this.#reset();
    }
  }

  /** Where in this chunk the fault takes place. */
  #strikeIn(way: Way, { length }: Buffer): number | undefined {
    const { fault, struck } = this;
    if (struck || !('at' in fault) || fault.way !== way) return undefined;
    const offset = fault.at - this.bytes[way];
    return offset < length || (offset === length && fault.kind !== 'garbage') ? offset : undefined;
  }

  /** Gives whether this way goes on. */
  async #strike(way: Way, chunk: Buffer, offset: number, from: Socket, to: Socket): Promise<boolean> {
    const { fault } = this;
    this.struck = true;
    await this.#pass(way, chunk.subarray(0, offset), to);
    if (fault.kind === 'garbage') {
      const { insert = Buffer.of((chunk[offset] ?? 0) ^ 0xff) } = fault;
      await this.#pass(way, Buffer.concat([insert, chunk.subarray(fault.insert ? offset : offset + 1)]), to);
      return true;
    }
    if (fault.kind === 'cut') await this.#cut(from, to, fault.reset);
    if (fault.kind === 'half-close') to.end();
    return false;
  }

  /** Before a reset, what has passed is left to be read: a receiver that finds both at once may see an end in order. */
  async #cut(from: Socket, to: Socket, asReset = false): Promise<void> {
    if (asReset) {
      await pause(RESET_AFTER_MS, undefined, { signal: this.#over.signal });
      return this.#reset();
    }
    from.end();
    to.end();
  }

  async #pass(way: Way, chunk: Buffer, to: Socket): Promise<void> {
    const { fault } = this;
    if (fault.kind !== 'delay' || (fault.way ?? way) !== way) return this.#write(way, chunk, to);
    this.struck = true;
    await pause(fault.ms, undefined, { signal: this.#over.signal });
    const singly = Math.max(0, Math.min(chunk.length, (fault.oneByOne ?? 0) - this.bytes[way]));
    for (let index = 0; index < singly; index++) {
      await this.#write(way, chunk.subarray(index, index + 1), to);
      await turn();
    }
    await this.#write(way, chunk.subarray(singly), to);
  }

  /** What comes after an end that the proxy made goes nowhere. */
  async #write(way: Way, bytes: Buffer, to: Socket): Promise<void> {
    if (bytes.length === 0 || to.writableEnded) return;
    this.bytes[way] += bytes.length;
    if (!to.write(bytes)) await once(to, 'drain', { signal: this.#over.signal });
  }
}

const HTTP = { ALPNProtocols: ['http/1.1'], rejectUnauthorized: false };

function secretsOf({ certificate, privateKey }: ClientCredential) {
  return { cert: certificate, key: privateKey.reveal() };
}

function asServer(wire: Socket, { server }: TunnelKeys): Socket {
  const secureContext = tls.createSecureContext(secretsOf(server));
  return new tls.TLSSocket(wire, { ...HTTP, isServer: true, requestCert: true, secureContext });
}

function asClient(wire: Socket, { client }: TunnelKeys): Socket {
  return tls.connect({ ...HTTP, socket: wire, ...secretsOf(client), checkServerIdentity: () => undefined });
}
