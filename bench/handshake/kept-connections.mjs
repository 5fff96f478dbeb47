import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';

/**
 * The load of many peers: a kept-alive connection for each, opened with a first request, then so many requests spread over
 * them in turn, `parallel` of them under way at once. Prints { since, statuses, perSecond } as JSON; `since`: epoch (ms),
 * when the first requests were through.
 *
 * Input: { host, port, ca, peers: file with an array of { certificate, privateKey }, requests, parallel, request }
 */
const input = JSON.parse(process.argv[2]);
const peers = JSON.parse(readFileSync(input.peers, 'utf8'));
const END_OF_HEAD = '\r\n\r\n';
const statuses = {};

/** The connection of one peer. The server ends it after 30 s without a request: then it is opened again. */
class Connection {
  constructor(peer) {
    this.peer = peer;
  }

  async ask() {
    if (!this.socket?.writable) await this.open();
    return this.exchange();
  }

  async open() {
    const { certificate: cert, privateKey: key } = this.peer;
    const target = { host: '127.0.0.1', port: input.port, servername: input.host, ALPNProtocols: ['http/1.1'] };
    this.socket = connect({ ...target, ca: input.ca, cert, key, minVersion: 'TLSv1.3' });
    this.socket.setNoDelay(true);
    await once(this.socket, 'secureConnect');
    this.socket.on('data', (chunk) => this.hear(chunk)).on('close', () => this.fail?.(new Error('the server hung up')));
    await this.exchange();
  }

  exchange() {
    this.answer = '';
    return new Promise((resolve, reject) => {
      this.done = resolve;
      this.fail = reject;
      this.socket.write(input.request);
    });
  }

  hear(chunk) {
    this.answer += String(chunk);
    if (!isWhole(this.answer)) return;
    this.fail = undefined;
    this.done(this.answer.slice(9, 12));
  }
}

function isWhole(answer) {
  const end = answer.indexOf(END_OF_HEAD);
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.slice(0, end));
  if (!length) throw new Error('an answer without a length');
  return answer.length >= end + END_OF_HEAD.length + Number(length[1]);
}

const connections = peers.map((peer) => new Connection(peer));
for (const connection of connections) await connection.open();
let next = 0;
async function drive() {
  while (next < input.requests) {
    const status = await connections[next++ % connections.length].ask();
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
}
const since = Date.now();
await Promise.all(Array.from({ length: input.parallel }, drive));
const perSecond = input.requests / ((Date.now() - since) / 1000);
for (const { socket } of connections) socket.destroy();
process.stdout.write(JSON.stringify({ since, statuses, perSecond }));
