import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';

/**
 * The load: so many kept-alive connections over mutual TLS 1.3, each with one request at a time, a fresh share id in every
 * one. The least that a client can do, because it runs on the same machine. Prints what it measured as JSON.
 *
 * Input: { host, port, ca, certificate, privateKey, connections, warmUpMs, measuredMs, body, withKey }
 */
const input = JSON.parse(process.argv[2]);
const run = randomBytes(6).toString('base64url');
const [before, after] = input.body.split('SHARE_ID');
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;

let serial = 0;
let measuring = false;
let stopping = false;
const latencies = [];
const statuses = {};

function nextRequest() {
  const id = `${run}-${serial++}`;
  const body = `${before}${id}${after}`;
  const key = input.withKey ? `Idempotency-Key: key-${id}\r\n` : '';
  const head = `POST /shares HTTP/1.1\r\nHost: ${input.host}:${input.port}\r\nContent-Type: application/json\r\n${key}`;
  return `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

async function open() {
  const socket = connect({
    host: '127.0.0.1',
    port: input.port,
    servername: input.host,
    ca: input.ca,
    cert: input.certificate,
    key: input.privateKey,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
  });
  socket.setNoDelay(true);
  await once(socket, 'secureConnect');
  return socket;
}

/** One request after the other on a connection, until we stop. */
function drive(socket) {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let expected = 0;
    let sentAt = 0;
    const send = () => {
      if (stopping) return resolve(socket.destroy());
      received = Buffer.alloc(0);
      expected = 0;
      sentAt = performance.now();
      socket.write(nextRequest());
    };
    socket.on('error', reject).on('close', () => (stopping ? resolve() : reject(new Error('the server hung up'))));
    socket.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (expected === 0) expected = lengthOf(received);
      if (expected === 0 || received.length < expected) return;
      const status = received.toString('latin1', 9, 12);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (measuring) latencies.push(performance.now() - sentAt);
      send();
    });
    send();
  });
}

/** Of the whole answer; 0 as long as its head is not complete. */
function lengthOf(bytes) {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end < 0) return 0;
  const length = LENGTH.exec(bytes.toString('latin1', 0, end));
  if (!length) throw new Error('an answer without a length');
  return end + 4 + Number(length[1]);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const sockets = await Promise.all(Array.from({ length: input.connections }, open));
const driven = Promise.all(sockets.map(drive));
await Promise.race([pause(input.warmUpMs), driven]);
measuring = true;
const startedAt = performance.now();
await Promise.race([pause(input.measuredMs), driven]);
const seconds = (performance.now() - startedAt) / 1000;
measuring = false;
stopping = true;
await driven;
latencies.sort((a, b) => a - b);
const at = (part) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))];
const rate = latencies.length / seconds;
process.stdout.write(JSON.stringify({ rate, p50: at(0.5), p99: at(0.99), statuses, total: serial }));
