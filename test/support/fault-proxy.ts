import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Tunnel, type TunnelKeys } from './fault-tunnel.js';

/** Towards the server, or back from it. */
export type Way = 'request' | 'answer';

interface Place {
  readonly way: Way;
  /** Bytes of that way which pass unharmed before. */
  readonly at: number;
  /** Count and break what is inside TLS, for which the proxy needs `keys`. Default: the bytes on the wire. */
  readonly inside?: boolean;
}

/** What befalls one connection. */
export type Fault =
  | { readonly kind: 'pass' }
  /** Holds every chunk back for `ms`, both ways unless one is named; the first `oneByOne` bytes of each travel singly. */
  | { readonly kind: 'delay'; readonly ms: number; readonly way?: Way; readonly oneByOne?: number }
  /** Both sides see the end: in order, or as a reset. */
  | ({ readonly kind: 'cut'; readonly reset?: boolean } & Place)
  /** Turns the bits of the next byte over, or puts bytes in before it. */
  | ({ readonly kind: 'garbage'; readonly insert?: Uint8Array } & Place)
  /** This way carries nothing more and says nothing of it, until its sender hangs up. */
  | ({ readonly kind: 'silence' } & Place)
  /** This way ends in order, the other goes on. */
  | ({ readonly kind: 'half-close' } & Place)
  /** Takes the connection and never says a word. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' };

export interface ProxiedConnection {
  readonly fault: Fault;
  /** Bytes passed on, each way. */
  readonly bytes: Readonly<Record<Way, number>>;
  /** Whether the fault took place: a connection may end before its byte comes. */
  readonly struck: boolean;
}

export interface FaultProxyOptions {
  /** Port on loopback of the server behind. */
  readonly target: number;
  /** Default: any free one. */
  readonly port?: number;
}

/** A wire to a server on loopback that breaks as it is told to. It carries bytes: TLS passes through untouched, as a rule. */
export class FaultProxy {
  /** What befalls connections once the script is over. */
  fault: Fault = { kind: 'pass' };
  keys: TunnelKeys | undefined;
  /** All that ever came, in order. */
  readonly connections: ProxiedConnection[] = [];
  readonly #script: Fault[] = [];
  readonly #open = new Set<Tunnel>();

  private constructor(
    private readonly server: Server,
    private readonly target: number,
    readonly port: number,
  ) {
    server.on('connection', (client) => this.#take(client));
  }

  static async start({ target, port = 0 }: FaultProxyOptions): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new FaultProxy(server, target, (server.address() as AddressInfo).port);
  }

  /** The next connections fare like this, one by one; then `fault` holds again. */
  script(...faults: readonly Fault[]): void {
    this.#script.push(...faults);
  }

  /** Nothing breaks any more. Open connections stay as they are. */
  heal(): void {
    this.#script.length = 0;
    this.fault = { kind: 'pass' };
  }

  /** Ends every open connection. */
  async dropConnections(): Promise<void> {
    await Promise.all([...this.#open].map((tunnel) => tunnel.destroy()));
  }

  /** Nobody listens: who connects is refused. Open connections live on. */
  refuse(): void {
    this.server.close();
  }

  async listenAgain(): Promise<void> {
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  /** Everything ends at once; no connection and no timer is left. */
  async stop(): Promise<void> {
    this.server.close();
    await this.dropConnections();
  }

  #take(client: Socket): void {
    const tunnel = new Tunnel(this.#script.shift() ?? this.fault, client, this.target, this.keys);
    this.connections.push(tunnel);
    this.#open.add(tunnel);
    void tunnel.closed.then(() => this.#open.delete(tunnel));
  }
}
