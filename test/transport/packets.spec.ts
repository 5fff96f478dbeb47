import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Special addresses of every kind, and spellings of them that a resolver may give. */
const FORBIDDEN = `0.0.0.0 10.0.0.5 100.64.0.1 127.0.0.1 127.8.8.8 169.254.169.254 172.16.0.1 192.0.0.170 192.0.2.1
  192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1
  ::ffff:127.0.0.1 ::FFFF:7f00:1 ::ffff:10.0.0.5 ::ffff:0:10.0.0.5 64:ff9b::10.0.0.5 64:ff9b::a00:5 64:ff9b:1::1 100::1
  2001::1 2001:db8::1 2002:a00:5::1 3fff::1 fc00::1 fd00::1 fe80::1 fec0::1 ff02::1 2130706433 0x7f000001 0177.0.0.1
  127.1 10.5 0xa.0.0.5 fe80::1%lo 10.0.0.5. １０.0.0.5`.split(/\s+/);

/**
 * Runs in a network of its own, in which every packet is counted: calls a name at each address, and says how many
 * connections the kernel was asked to open and how many packets left. Public ones, at the end, must count.
 */
const PROGRAM = `
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { PeerClient } from './transport/peer-client.js';
import { TransportSettings } from './transport/transport-settings.js';
import { Origin } from './kernel/origin.js';
import { Secret } from './kernel/secret.js';
import { makeSelfSignedCertificate } from './transport/certificates.js';

const { certificate, privateKey } = await makeSelfSignedCertificate('us.example');
const credential = { certificate, privateKey: new Secret(privateKey) };
function counted() {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8').split('\\n').filter((line) => line.startsWith('Tcp:'));
  const opened = Number(values.split(' ')[names.split(' ').indexOf('ActiveOpens')]);
  const sent = readFileSync('/proc/net/dev', 'utf8').split('\\n').slice(2).filter(Boolean)
    .map((line) => Number(line.trim().split(/[:\\s]+/)[10])).reduce((sum, packets) => sum + packets, 0);
  return { opened, sent };
}
let answers = [];
const client = new PeerClient(new TransportSettings({ resolver: { resolve: async () => answers }, connectMs: 500 }));
async function call(addresses) {
  answers = addresses;
  const endpoint = { peer: 'p', base: Origin.parse('https://a.example'), proof: { kind: 'web' }, credential };
  const before = counted();
  const reason = await client.send(endpoint, { method: 'GET', path: '/' }).then(() => 'answered', (error) => error.reason);
  const after = counted();
  return { reason, opened: after.opened - before.opened, sent: after.sent - before.sent };
}
const forbidden = JSON.parse(process.argv[2]);
const results = {};
for (const address of forbidden) {
  results[address] = await call([address]);
  results['1.1.1.1 and ' + address] = await call(['1.1.1.1', address]);
}
console.log(JSON.stringify({ results, open: await call(['1.1.1.1']), open6: await call(['2606::1']) }));
process.exit(0);
`;

/** A network with nothing in it but an interface that every packet goes through, and that counts them. */
const NETWORK = `set -e
ip link set lo up
ip route add default dev lo src 127.0.0.1
ip -6 address add 2001:db8:7::1/128 dev lo nodad
ip -6 route add 2000::/3 dev lo
exec "$@"`;

const missing = whatIsMissing();
if (missing) process.stderr.write(`packets.spec.ts is skipped: ${missing}\n`);

/** Why packets cannot be counted here; undefined if they can. */
function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux has networks of their own for a process';
  if (spawnSync('ip', ['-V']).error) return 'the program ip is not there (Debian: iproute2)';
  if (spawnSync('unshare', ['--version']).error) return 'the program unshare is not there (Debian: util-linux)';
  const { status, stderr } = spawnSync('unshare', ['--net', 'bash', '-c', NETWORK, 'bash', 'true']);
  return status === 0 ? undefined : `a network of its own is not allowed (${String(stderr).trim()})`;
}

describe.skipIf(missing)('a blocked destination', () => {
  let folder: string;
  let seen: Record<'results', Record<string, unknown>> & Record<'open' | 'open6', unknown>;

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'entente-packets-'));
    compile(folder);
    const program = path.join(folder, 'program.js');
    const run = ['--net', 'bash', '-c', NETWORK, 'bash', process.execPath, program, JSON.stringify(FORBIDDEN)];
    seen = JSON.parse(execFileSync('unshare', run, { encoding: 'utf8', timeout: 25_000 })) as typeof seen;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(FORBIDDEN)('gets no packet, alone or behind a public address: %s', (address) => {
    const nothing = { reason: 'blocked', opened: 0, sent: 0 };
    expect([seen.results[address], seen.results[`1.1.1.1 and ${address}`]]).toEqual([nothing, nothing]);
  });

  it('is told from a public one by counters that do count', () => {
    for (const open of [seen.open, seen.open6]) {
      expect(open).toMatchObject({ reason: expect.stringMatching(/^(?:timeout|connect)$/), opened: 1 });
      expect((open as { sent: number }).sent).toBeGreaterThan(0);
    }
  });
});

/** The transport as plain JavaScript, which Node runs by itself. */
function compile(folder: string): void {
  for (const room of ['kernel', 'transport']) {
    const from = path.join(ROOT, 'src', room);
    mkdirSync(path.join(folder, room));
    for (const file of readdirSync(from).filter((name) => name.endsWith('.ts'))) {
      const { outputText } = ts.transpileModule(readFileSync(path.join(from, file), 'utf8'), {
        compilerOptions: {
          module: ts.ModuleKind.ESNext,
          target: ts.ScriptTarget.ES2023,
          experimentalDecorators: true,
          emitDecoratorMetadata: true,
          useDefineForClassFields: false,
        },
      });
      writeFileSync(path.join(folder, room, file.replace(/\.ts$/, '.js')), outputText);
    }
  }
  writeFileSync(path.join(folder, 'program.js'), PROGRAM);
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
}
