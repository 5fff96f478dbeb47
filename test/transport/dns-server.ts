import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { NameResolver } from '../../src/transport/resolver.js';

/**
 * What a name has: addresses of either family, or another name. Nothing: there is no such name.
 * @param asked how often it was asked for, with this type, before
 */
export type Zone = (name: string, asked: number) => readonly string[];

const TYPE = { A: 1, CNAME: 5, AAAA: 28 } as const;

/** A DNS server on loopback that answers what a test tells it, with a lifetime of zero. */
export class DnsServer {
  /** Every question, such as `A a.example`. */
  readonly questions: string[] = [];

  private constructor(
    private readonly socket: Socket,
    private readonly zone: Zone,
  ) {
    socket.on('message', (query, { port, address }) => socket.send(this.#answer(query), port, address));
  }

  static async start(zone: Zone): Promise<DnsServer> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsServer(socket, zone);
  }

  /** Asks this server and no other. */
  resolver(): NameResolver {
    return new ResolverOf(`127.0.0.1:${this.socket.address().port}`);
  }

  stop(): void {
    this.socket.close();
  }

  #answer(query: Buffer): Buffer {
    const { name, type, end } = questionOf(query);
    const question = `${type === TYPE.AAAA ? 'AAAA' : 'A'} ${name}`;
    const asked = this.questions.filter((earlier) => earlier === question).length;
    this.questions.push(question);
    const values = this.zone(name, asked);
    const records = values.flatMap((value) => recordOf(value, type));
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(values.length === 0 ? 0x8183 : 0x8180, 2); // NXDOMAIN or NOERROR, an answer with recursion
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, query.subarray(12, end), ...records]);
  }
}

function questionOf(query: Buffer) {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** The value as a record of the name that was asked for, if it is of the type asked; names go with every type. */
function recordOf(value: string, asked: number): Buffer[] {
  const data = value.includes(':') ? ipv6(value) : /^[\d.]+$/.test(value) ? ipv4(value) : nameBytes(value);
  const type = data.length === 4 ? TYPE.A : value.includes(':') ? TYPE.AAAA : TYPE.CNAME;
  if (type !== TYPE.CNAME && type !== asked) return [];
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the name of the question
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return [Buffer.concat([head, data])];
}

function ipv4(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number));
}

function ipv6(text: string): Buffer {
  const [left = '', right = ''] = text.split('::');
  const words = (part: string) =>
    part
      .split(':')
      .filter(Boolean)
      .map((word) => Number.parseInt(word, 16));
  const [before, after] = [words(left), words(right)];
  const all = [...before, ...Array(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]));
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

class ResolverOf extends NameResolver {
  readonly #resolver = new Resolver({ timeout: 1_000, tries: 2 });

  constructor(server: string) {
    super();
    this.#resolver.setServers([server]);
  }

  async resolve(host: string): Promise<readonly string[]> {
    const none = () => [] as string[];
    const found = [this.#resolver.resolve4(host).catch(none), this.#resolver.resolve6(host).catch(none)];
    return (await Promise.all(found)).flat();
  }
}
