import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { buildIfStale } from '../scripts/support/build.mjs';
import { callLocally } from '../scripts/support/local-https.mjs';
import { ROOT } from '../scripts/support/repository.mjs';
import { cpuSeconds } from './receive/cpu-time.mjs';
import { freePort, median, pause, runNode, startNode, until } from './receive/parts.mjs';

/**
 * What knowing a caller costs: `npm run bench:handshake`. First new connections: a full handshake with a client
 * certificate, one `POST /federation/ping` through the whole guard, the end; against `node:https` that asks for the
 * certificate and answers the same bytes to everybody, by turns. Then kept connections of many trusted peers: what a
 * verdict computes, and how long its row takes. About a minute. `--profile`: where the time of the first part goes.
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    parallel: { type: 'string', default: '8' },
    peers: { type: 'string', default: '500' },
    requests: { type: 'string', default: '5000' },
    profile: { type: 'boolean', default: false },
  },
});
const ROUNDS = Number(options.rounds);
const WARM_UP = 500;
/** Under way at once in the second part: what takes turns in one process is not what a verdict takes. */
const PARALLEL_PEERS = 4;
const PING = 'POST /federation/ping';

const built = await buildIfStale();
if (!built.ok) throw new Error(built.output);
const dist = (file) => import(pathToFileURL(path.join(ROOT, 'dist', file)).href);
const { startEmbeddedPostgres } = await dist('standalone/embedded-postgres.js');
const { CertificateAuthority, makeSelfSignedCertificate } = await dist('transport/certificates.js');
const { startProduct } = await import('./receive/product.mjs');
const { makePeers, trustAll } = await import('./handshake/peers.mjs');

const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-handshake-'));
const log = (name) => openSync(path.join(folder, `${name}.log`), 'a', 0o600);
const script = (name) => path.join(ROOT, 'bench/handshake', name);
const say = (line) => process.stdout.write(`${line}\n`);
const authority = await CertificateAuthority.create('Bench CA');
const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, 'database') });
const servers = [];

try {
  const peer = await makePeer();
  const busy = os.loadavg()[0]?.toFixed(1);
  say(`Node ${process.version}, ${os.availableParallelism()} processors, load of the machine before: ${busy}.`);
  await connectAnew(peer);
  await callOften(peer);
} finally {
  for (const server of servers) await server.stop();
  await postgres.stop();
  if (!options.profile) rmSync(folder, { recursive: true, force: true });
}
if (options.profile) {
  const { describeProfile } = await import('./receive/profile.mjs');
  for (const line of describeProfile(folder, 'Self time of the product, new connections:')) say(line);
  rmSync(folder, { recursive: true, force: true });
}

async function makePeer() {
  const host = 'cloud1.localhost';
  const port = await freePort();
  const credential = await makeSelfSignedCertificate(host);
  return { host, port, origin: `https://${host}:${port}`, web: await authority.issue(host), authority, credential };
}

async function connectAnew(peer) {
  const profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500'];
  const product = await start('product', peer, options.profile ? profiling : []);
  const ping = { url: `https://${product.host}:${product.port}/federation/ping`, method: 'POST' };
  const { status, body } = await callLocally({ ...ping, ca: authority.certificate, as: peer.credential });
  if (status !== 200) throw new Error(`the product answered ${status}`);
  const variants = [await bare(peer, JSON.stringify(body)), product];
  const rounds = new Map(variants.map(({ name }) => [name, []]));
  // A round that does not count: code that runs for the first time is not what runs for the rest of the day.
  for (const variant of variants) await measure(variant, peer);
  for (let round = 0; round < ROUNDS; round++) {
    const turn = round % 2 === 0 ? variants : variants.toReversed();
    for (const variant of turn) rounds.get(variant.name).push(await measure(variant, peer));
  }
  reportConnections(variants, rounds);
  for (const { server } of variants) await server.stop();
}

async function start(name, peer, flags) {
  const client = new pg.Client({ connectionString: postgres.urlFor('postgres') });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  const databaseUrl = postgres.urlFor(name);
  const place = { folder: path.join(folder, name), databaseUrl };
  const started = await startProduct({ ...place, authority, peer, log: log(name), flags });
  servers.push(started.server);
  return { ...started, name, databaseUrl, label: `the product: ${PING}` };
}

/** Answers the bytes that the product has answered. */
async function bare(peer, answer) {
  const host = 'cloud2.localhost';
  const port = await freePort();
  const settings = path.join(folder, 'bare.json');
  const tls = { ...(await authority.issue(host)), clients: peer.credential.certificate };
  writeFileSync(settings, JSON.stringify({ port, answer, ...tls }), { mode: 0o600 });
  const server = startNode({ script: script('bare-server.mjs'), args: [settings], log: log('bare') });
  servers.push(server);
  const call = { url: `https://${host}:${port}/`, ca: authority.certificate, as: peer.credential };
  await until('the floor is ready', () =>
    callLocally(call).then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
  return { name: 'bare', label: 'node:https, requestCert, a constant', server, host, port };
}

async function measure({ name, server, host, port }, peer) {
  const before = cpuSeconds(server.pid);
  const load = await runNode(script('new-connections.mjs'), {
    ...{
      host,
      port,
      ca: authority.certificate,
      ...peer.credential,
      request: ping(host, port, 'Connection: close\r\n'),
    },
    ...{ parallel: Number(options.parallel), warmUpMs: WARM_UP, measuredMs: Number(options.seconds) * 1000 },
  });
  if (load.statuses['200'] !== load.total) throw new Error(`${name}: ${JSON.stringify(load.statuses)}`);
  const after = cpuSeconds(server.pid);
  await pause(200);
  return { ...load, cpu: before === undefined ? undefined : ((after - before) * 1e6) / load.total };
}

function ping(host, port, more = '') {
  return `${PING} HTTP/1.1\r\nHost: ${host}:${port}\r\n${more}Content-Length: 0\r\n\r\n`;
}

function reportConnections(variants, rounds) {
  const times = `${ROUNDS} rounds of ${options.seconds} s each, by turns, ${options.parallel} connections at once`;
  say(`\nNew connections, each with a full handshake and one request; ${times}:`);
  say('                                      connections/s   p50 ms   p99 ms   node µs');
  for (const { name, label } of variants) {
    const of = (figure) => median(rounds.get(name).map((round) => round[figure] ?? 0));
    const cells = [
      of('rate').toFixed(0).padStart(13),
      of('p50').toFixed(1).padStart(8),
      of('p99').toFixed(1).padStart(8),
    ];
    say(`${label.padEnd(37)} ${cells.join(' ')} ${of('cpu').toFixed(0).padStart(9)}`);
  }
  for (const { name } of variants) {
    say(
      `  ${name.padEnd(8)} ${rounds
        .get(name)
        .map(({ rate }) => rate.toFixed(0).padStart(6))
        .join('')}`,
    );
  }
  const middle = (name, figure) => median(rounds.get(name).map((round) => round[figure]));
  const ratio = middle('product', 'rate') / middle('bare', 'rate');
  say(`  ratio of medians, connections/s   ${ratio.toFixed(2)}   ${verdict(ratio >= 0.75, '0.75')}`);
  if (middle('bare', 'cpu') === undefined) return;
  const cpu = middle('bare', 'cpu') / middle('product', 'cpu');
  say(`  the same of processor time        ${cpu.toFixed(2)}   (what a server can do whose load comes from elsewhere)`);
}

/** Each peer has a key, a certificate and a row of its own; the requests go round among them. */
async function callOften(peer) {
  const results = path.join(folder, 'verdicts.json');
  const probe = `${pathToFileURL(script('probe.mjs')).href}?results=${encodeURIComponent(results)}`;
  const product = await start('many', peer, ['--import', probe]);
  const { host, port } = product;
  const peers = await makePeers(Number(options.peers));
  const client = new pg.Client({ connectionString: product.databaseUrl });
  await client.connect();
  await trustAll(client, peers);
  await client.query('analyze');
  await client.end();
  const file = path.join(folder, 'peers.json');
  writeFileSync(file, JSON.stringify(peers), { mode: 0o600 });
  const load = { host, port, ca: authority.certificate, request: ping(host, port), parallel: PARALLEL_PEERS };
  const run = (requests) => runNode(script('kept-connections.mjs'), { ...load, peers: file, requests });
  const firstSince = Date.now();
  const { since, statuses, perSecond } = await run(Number(options.requests));
  if (statuses['200'] !== Number(options.requests)) throw new Error(JSON.stringify(statuses));
  await product.server.stop();
  const timed = JSON.parse(readFileSync(results, 'utf8'));
  say(`\n${peers.length} trusted peers on connections that stay, each with a key and a certificate of its own:`);
  say('                                                 times   p50 ms   p99 ms   max ms');
  const own = timed.verdicts.filter(({ at }) => at >= since);
  const first = timed.verdicts.filter(({ at }) => at >= firstSince && at < since);
  reportTimes(
    'own processor time, certificates read anew',
    first.map((each) => each.own),
  );
  reportTimes(
    'own processor time',
    own.map((each) => each.own),
    0.2,
  );
  const rows = own.filter(({ row }) => row !== null).map(({ row }) => row);
  reportTimes('the row of the peer, where there is no copy', rows, 2);
  reportTimes(
    '  a `select 1` by the same way',
    timed.floors.filter(({ at }) => at >= since).map(({ ms }) => ms),
  );
  say(`  ${options.requests} requests in turn, ${PARALLEL_PEERS} at once, ${perSecond.toFixed(0)}/s`);
}

function reportTimes(what, times, goal) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  const cells = [0.5, 0.99, 1].map((part) => at(part).toFixed(3).padStart(8)).join(' ');
  const reached = goal === undefined ? '' : `   ${verdict(at(0.99) < goal, `p99 < ${goal}`)}`;
  say(`${what.padEnd(45)} ${String(times.length).padStart(8)} ${cells}${reached}`);
}

function verdict(isReached, goal) {
  return `goal ${goal}: ${isReached ? 'reached' : 'not reached'}`;
}
