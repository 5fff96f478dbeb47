import { once } from 'node:events';
import { connect, createSecureContext } from 'node:tls';

/**
 * The load: so many callers side by side, each opening a connection of its own for every request: a full handshake with
 * the client certificate, one request, the end. Prints what it measured as JSON.
 *
 * Input: { host, port, ca, certificate, privateKey, parallel, warmUpMs, measuredMs, request }
 */
const input = JSON.parse(process.argv[2]);
const { ca, certificate: cert, privateKey: key } = input;
const secureContext = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.3' });
const target = { host: '127.0.0.1', port: input.port, servername: input.host, secureContext };

const latencies = [];
const statuses = {};
let total = 0;
let measuring = false;
let stopping = false;

/** @returns the status, or 0 if the connection ended without an answer */
async function call() {
  const socket = connect({ ...target, ALPNProtocols: ['http/1.1'] });
  socket.setNoDelay(true);
  await once(socket, 'secureConnect');
  if (socket.isSessionReused()) throw new Error('a handshake that was none');
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.write(input.request);
  await once(socket, 'close');
  return Number(Buffer.concat(chunks).toString('latin1', 9, 12));
}

async function drive() {
  while (!stopping) {
    const since = performance.now();
    const status = await call();
    statuses[status] = (statuses[status] ?? 0) + 1;
    total += 1;
    if (measuring) latencies.push(performance.now() - since);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const driven = Promise.all(Array.from({ length: input.parallel }, drive));
await Promise.race([pause(input.warmUpMs), driven]);
measuring = true;
const startedAt = performance.now();
await Promise.race([pause(input.measuredMs), driven]);
const seconds = (performance.now() - startedAt) / 1000;
const rate = latencies.length / seconds;
measuring = false;
stopping = true;
await driven;
latencies.sort((a, b) => a - b);
const at = (part) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))];
process.stdout.write(JSON.stringify({ rate, p50: at(0.5), p99: at(0.99), statuses, total }));
