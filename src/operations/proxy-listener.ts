import { type RequestListener, Server, type ServerOptions } from 'node:http';
import { OptionRefused } from '../host/own-cloud.js';
import type { TrustedProxy } from '../host/trusted-proxy.js';
import { canonicalAddress, Networks } from '../kernel/cidr.js';
import { removeDeadSocket } from './unix-socket.js';

/** Owner and group may connect to a unix socket, nobody else: whoever may is believed to be the proxy. */
const OTHERS_AND_EXECUTION = 0o117;

const LOOPBACK = new Networks();
for (const network of ['127.0.0.0/8', '::1/128']) LOOPBACK.addCidr(network);

/**
 * Plain HTTP for a proxy on this machine: listens on a unix socket of mode 0660, or on loopback, and nowhere else, however
 * it is told to. The error event of a refused `listen` is an `OptionRefused`.
 */
export class ProxyListener extends Server {
  constructor(
    private readonly proxy: TrustedProxy,
    options: ServerOptions,
    receive: RequestListener,
  ) {
    super(options, receive);
  }

  override listen(...args: unknown[]): this {
    this.prepare(addressIn(args)).then(
      () => this.bind(args as Parameters<Server['listen']>),
      (error: unknown) => this.emit('error', error),
    );
    return this;
  }

  private async prepare(address: Address): Promise<void> {
    const refused = refusalOf(this.proxy, address);
    if (refused) throw refused;
    if (typeof address.path === 'string') await removeDeadSocket(address.path);
  }

  /** The socket is made within the call: it has its mode from the first moment on. */
  private bind(args: Parameters<Server['listen']>): void {
    const before = process.umask(OTHERS_AND_EXECUTION);
    try {
      super.listen(...args);
    } finally {
      process.umask(before);
    }
  }
}

interface Address {
  readonly path?: unknown;
  readonly host?: unknown;
}

/** Of the forms that Node's `listen` takes. */
function addressIn([first, second]: unknown[]): Address {
  if (typeof first === 'object' && first !== null) return first;
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { path: first };
  return { host: second };
}

function refusalOf(proxy: TrustedProxy, { path, host }: Address): OptionRefused | undefined {
  const isSocket = typeof path === 'string';
  if (proxy.isOnSocket && !isSocket)
    return new OptionRefused('listen', 'must be a unix socket: the proxy is trusted on one');
  if (proxy.isOnSocket) return undefined;
  if (isSocket) return new OptionRefused('listen', 'must be 127.0.0.1 or ::1: the proxy is trusted by its address');
  const address = typeof host === 'string' ? canonicalAddress(host) : undefined;
  if (address !== undefined && LOOPBACK.has(address)) return undefined;
  return new OptionRefused('listen', 'must be 127.0.0.1 or ::1, or a unix socket: the proxy speaks plain HTTP with us');
}
