import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { buildIfStale } from '../scripts/support/build.mjs';
import { ROOT } from '../scripts/support/repository.mjs';
import { cpuSeconds, cpuSecondsOfChildren } from './receive/cpu-time.mjs';
import { freePort, median, pause, runNode, startNode, until } from './receive/parts.mjs';

/**
 * What receiving a share costs: `npm run bench:receive`. Three servers in processes of their own on one PostgreSQL, the
 * same offers over mutual TLS 1.3 with kept-alive connections, by turns: (a) bare `node:https` with one INSERT, (b) the
 * Nest that a team would write first, (c) the product's whole `POST /shares`. Every round is checked: as many rows as 201.
 * About two minutes. `--profile`: where the time of (c) goes, from a profile of its process.
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '16' },
    profile: { type: 'boolean', default: false },
  },
});
const ROUNDS = Number(options.rounds);
const MEASURED = Number(options.seconds) * 1000;
const WARM_UP = 1_000;
/** Until what a round left behind is done, before the next begins: milliseconds. */
const SETTLING = 60_000;

const built = await buildIfStale();
if (!built.ok) throw new Error(built.output);
const dist = (file) => import(pathToFileURL(path.join(ROOT, 'dist', file)).href);
const { startEmbeddedPostgres } = await dist('standalone/embedded-postgres.js');
const { CertificateAuthority, makeSelfSignedCertificate } = await dist('transport/certificates.js');
const { startProduct } = await import('./receive/product.mjs');

const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-receive-'));
const log = (name) => openSync(path.join(folder, `${name}.log`), 'a', 0o600);
const say = (line) => process.stdout.write(`${line}\n`);
const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, 'database') });
const servers = [];

try {
  const authority = await CertificateAuthority.create('Bench CA');
  const peer = await makePeer(authority);
  const variants = [await bare(authority, peer), await nest(authority, peer), ...(await product(authority, peer))];
  say(`Node ${process.version}, ${os.availableParallelism()} processors, ${options.connections} connections,`);
  say(`${ROUNDS} rounds of ${options.seconds} s each, by turns; server, load and PostgreSQL share the machine.\n`);
  const results = new Map(variants.map(({ name }) => [name, []]));
  // A round that does not count: code that runs for the first time is not what runs for the rest of the day.
  for (const variant of variants) await measure(variant, authority, peer);
  for (let round = 0; round < ROUNDS; round++) {
    for (const variant of variants) results.get(variant.name).push(await measure(variant, authority, peer));
  }
  report(variants, results);
} finally {
  for (const server of servers) await server.stop();
  await postgres.stop();
  if (!options.profile) rmSync(folder, { recursive: true, force: true });
}
if (options.profile) {
  const { describeProfile } = await import('./receive/profile.mjs');
  for (const line of describeProfile(folder, 'Self time of (c), both ways of calling it:')) say(line);
  rmSync(folder, { recursive: true, force: true });
}

async function makePeer(authority) {
  const host = 'cloud1.localhost';
  const port = await freePort();
  const web = await authority.issue(host);
  return {
    host,
    port,
    origin: `https://${host}:${port}`,
    web,
    authority,
    credential: await makeSelfSignedCertificate(host),
  };
}

async function database(name) {
  const url = postgres.urlFor(name);
  await inDatabase(postgres.urlFor('postgres'), `create database ${name}`);
  return url;
}

async function inDatabase(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A server of the bench's own that takes its settings from a file, and counts its rows in one table. */
async function own(authority, peer, { name, script, label, table }) {
  const host = 'cloud2.localhost';
  const { certificate, privateKey } = await authority.issue(host);
  const databaseUrl = await database(name);
  const port = await freePort();
  const settings = path.join(folder, `${name}.json`);
  const clients = peer.credential.certificate;
  writeFileSync(settings, JSON.stringify({ port, databaseUrl, certificate, privateKey, clients }), { mode: 0o600 });
  const server = startNode({ script: path.join(ROOT, 'bench/receive', script), args: [settings], log: log(name) });
  servers.push(server);
  const count = async () => Number((await inDatabase(databaseUrl, `select count(*) from ${table}`))[0].count);
  await until(`${name} is ready`, async () => {
    if (server.hasEnded()) throw new Error(readFileSync(path.join(folder, `${name}.log`), 'utf8'));
    return inDatabase(databaseUrl, `select to_regclass('${table}') as there`).then(([row]) => row.there);
  });
  return { name, label, host, port, server, recipient: `bob@${host}`, count, settled: async () => true };
}

function bare(authority, peer) {
  const label = '(a) node:https, client certificate, one INSERT';
  return own(authority, peer, { name: 'bare', script: 'bare-server.mjs', label, table: 'bare_share' });
}

function nest(authority, peer) {
  const label = '(b) Nest on Express, DTO, repository.save';
  return own(authority, peer, { name: 'nest', script: 'nest-server.mjs', label, table: 'nest_share' });
}

async function product(authority, peer) {
  const databaseUrl = await database('product');
  const flags = options.profile ? ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500'] : [];
  const place = { folder: path.join(folder, 'product'), databaseUrl };
  const { server, ...rest } = await startProduct({ ...place, authority, peer, log: log('product'), flags });
  servers.push(server);
  /** The share, its entry in the audit trail and its event for the host: a row of each, or something is lost. */
  const count = async () => {
    const [rows] = await inDatabase(
      databaseUrl,
      `select (select count(*) from federation.incoming_share) as shares,
        (select count(*) from federation.audit_entry where action = 'share.offered') as entries,
        (select count(*) from federation.delivery where kind = 'host-event') as events`,
    );
    const { shares, entries, events } = rows;
    if (shares !== entries || shares !== events) throw new Error(`not one of each: ${JSON.stringify(rows)}`);
    return Number(shares);
  };
  const settled = async () => {
    const sql = `select not exists (select from federation.delivery where state = 'waiting')
      and not exists (select from federation.audit_pending) as done`;
    return (await inDatabase(databaseUrl, sql))[0].done;
  };
  const variant = { ...rest, server, count, settled };
  return [
    { ...variant, name: 'product', label: '(c) the product: POST /shares, complete' },
    { ...variant, name: 'product with a key', label: '    the same with an Idempotency-Key', withKey: true },
  ];
}

/** One round of one variant: its figures, after its rows were counted and what it left behind was done. */
async function measure(variant, authority, peer) {
  const rowsBefore = await variant.count();
  const before = usage(variant);
  const load = await runNode(path.join(ROOT, 'bench/receive/load.mjs'), {
    host: variant.host,
    port: variant.port,
    ca: authority.certificate,
    ...peer.credential,
    connections: Number(options.connections),
    warmUpMs: WARM_UP,
    measuredMs: MEASURED,
    body: offerTo(variant.recipient, peer.host),
    withKey: variant.withKey ?? false,
  });
  const endedAt = performance.now();
  await until(`${variant.name} has settled`, variant.settled, SETTLING);
  const settling = performance.now() - endedAt;
  const after = usage(variant);
  const rows = (await variant.count()) - rowsBefore;
  if (load.statuses['201'] !== load.total) throw new Error(`${variant.name}: ${JSON.stringify(load.statuses)}`);
  if (rows !== load.total) throw new Error(`${variant.name}: ${load.total} times 201, but ${rows} rows`);
  const perRequest = (of) => (before[of] === undefined ? undefined : ((after[of] - before[of]) * 1e6) / load.total);
  await pause(300);
  return { ...load, settling, node: perRequest('node'), database: perRequest('database') };
}

function usage({ server }) {
  const lock = readFileSync(path.join(folder, 'database/postgres/postmaster.pid'), 'utf8');
  return { node: cpuSeconds(server.pid), database: cpuSecondsOfChildren(Number(lock.split('\n')[0])) };
}

function offerTo(shareWith, peerHost) {
  return JSON.stringify({
    shareId: 'SHARE_ID',
    owner: `alice@${peerHost}`,
    shareWith,
    permission: 'read_write',
    name: 'Quarterly figures',
    description: 'The folder that we spoke about.',
    providerId: 'cec0c932ce01',
    protocol: [{ name: 'pf_classic', options: { access_token: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA' } }],
  });
}

function report(variants, results) {
  say(
    '                                                 requests/s   p50 ms   p99 ms   node µs   db µs   settled after ms',
  );
  for (const { name, label } of variants) {
    const of = (figure) => median(results.get(name).map((round) => round[figure]));
    const cpu = (figure) => (of(figure) > 0 ? of(figure).toFixed(0) : '-');
    const cells = [
      of('rate').toFixed(0).padStart(10),
      of('p50').toFixed(1).padStart(8),
      of('p99').toFixed(1).padStart(8),
    ];
    cells.push(cpu('node').padStart(9), cpu('database').padStart(7), of('settling').toFixed(0).padStart(18));
    say(`${label.padEnd(48)} ${cells.join(' ')}`);
  }
  const rates = (name) => results.get(name).map(({ rate }) => rate);
  const ratio = (one, other) => median(rates(one).map((rate, round) => rate / rates(other)[round]));
  say('\nRounds, requests/s:');
  for (const { name } of variants)
    say(
      `  ${name.padEnd(20)} ${rates(name)
        .map((rate) => rate.toFixed(0).padStart(6))
        .join('')}`,
    );
  say('\nRatios, median over the rounds:');
  verdict('(c) / (a)', ratio('product', 'bare'), 0.45);
  verdict('(c) / (b)', ratio('product', 'nest'), 2);
  say(`  with a key / (a)  ${ratio('product with a key', 'bare').toFixed(2)}`);
  say(`  with a key / (b)  ${ratio('product with a key', 'nest').toFixed(2)}`);
}

function verdict(what, ratio, goal) {
  say(`  ${what.padEnd(16)}  ${ratio.toFixed(2)}   goal ${goal}: ${ratio >= goal ? 'reached' : 'not reached'}`);
}
