import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const DEMO = path.resolve(import.meta.dirname, '../../scripts/demo.mjs');

/** With a build, two first starts and all that follows. */
const WHOLE_DEMO_MS = 120_000;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

async function listen(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Two ports that nobody listens on. */
async function freePorts(): Promise<[number, number]> {
  const servers = [await listen(), await listen()] as const;
  const ports: [number, number] = [portOf(servers[0]), portOf(servers[1])];
  for (const server of servers) server.close();
  return ports;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

function startDemo(data: string, ports: readonly number[], ...more: string[]) {
  const child = spawn(process.execPath, [DEMO, '--data', data, '--ports', ports.join(','), ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => printed.push(chunk));
  const output = () => Buffer.concat(printed).toString();
  const ended: Promise<Ended> = once(child, 'close').then(([code]) => ({ code, output: output() }));
  return { child, output, ended };
}

/** Where the file platform listens, once that is printed. */
function platformPort(output: string): number | undefined {
  const port = /https:\/\/files\.cloud1\.localhost:(\d+)/.exec(output)?.[1];
  return port === undefined ? undefined : Number(port);
}

/** What is printed of one request, as in `cloud1 → cloud2  POST /shares → 201`. */
function request(from: string, to: string, line: string, status: number): RegExp {
  const escaped = line.replace(/[/{}.*+?^$|()[\]\\]/g, '\\$&');
  return new RegExp(`${from} +→ ${to} +${escaped}\\S* +→ ${status}\\b`);
}

describe('the demo', () => {
  let data: string;
  let ports: [number, number];
  const demos: ReturnType<typeof startDemo>[] = [];
  const demo = (...more: string[]) => {
    const started = startDemo(data, ports, ...more);
    demos.push(started);
    return started;
  };

  beforeEach(async () => {
    data = mkdtempSync(path.join(os.tmpdir(), 'entente-demo-'));
    ports = await freePorts();
  });
  afterEach(async () => {
    for (const { child, ended } of demos.splice(0)) {
      if (child.exitCode === null) child.kill('SIGTERM');
      await ended;
    }
    rmSync(data, { recursive: true, force: true });
  });

  it(
    'makes two clouds trust each other and share a folder, and does it again on what it left behind',
    async () => {
      const first = await demo('--once').ended;
      expect(first).toMatchObject({ code: 0 });
      for (const step of [
        request('operator', 'cloud1', 'POST /admin/services', 201),
        request('cloud1', 'cloud2', 'POST /federation/trust-requests', 202),
        request('operator', 'cloud2', 'POST /admin/services/{id}/accept', 200),
        request('cloud2', 'cloud1', 'POST /federation/trust-confirmations', 200),
        request('host', 'cloud1', 'POST /api/v1/accounts', 201),
        request('host', 'cloud2', 'POST /api/v1/accounts', 201),
        request('alice', 'cloud1', 'POST /api/v1/shares/outgoing', 201),
        request('cloud1', 'cloud2', 'POST /shares', 201),
        request('bob', 'cloud2', 'POST /api/v1/shares/incoming/{id}/accept', 200),
        request('cloud2', 'cloud1', 'POST /notifications', 201),
        request('cloud1', 'cloud2', 'POST /notifications', 201),
        request('host', 'cloud2', 'GET /api/v1/shares/incoming/{id}/access', 200),
        request('files1', 'cloud1', 'POST /api/v1/access/introspect', 200),
        /bob +→ files1 +GET \/files\/ +→ 200 +where-to-go\.txt/,
        /bob +→ files1 +GET \/files\/where-to-go\.txt +→ 200 +Lisbon/,
        request('bob', 'files1', 'PUT /files/where-to-stay.txt', 403),
        request('stranger', 'files1', 'GET /files/where-to-go.txt', 401),
        request('alice', 'cloud1', 'PATCH /api/v1/shares/outgoing/{id}', 200),
        request('bob', 'files1', 'PUT /files/where-to-stay.txt', 201),
        /alice finds where-to-stay\.txt in her folder/,
        request('alice', 'cloud1', 'DELETE /api/v1/shares/outgoing/{id}', 204),
        request('bob', 'files1', 'GET /files/', 401),
        request('host', 'cloud2', 'GET /api/v1/shares/incoming/{id}/access', 409),
        /bob +→ cloud2 .*accepted, confirmed: true/,
        /bob +→ cloud2 .*accepted, read_write/,
        /bob +→ cloud2 .*revoked/,
        /✓ all \d+ steps held/,
        new RegExp(`https://cloud1\\.localhost:${ports[0]}/docs`),
        new RegExp(`https://cloud2\\.localhost:${ports[1]}/docs`),
      ]) {
        expect(first.output).toMatch(step);
      }

      const second = await demo('--once').ended;
      expect(second).toMatchObject({ code: 0 });
      expect(second.output).toContain('trust is there from an earlier run');
      expect(second.output).toMatch(request('cloud1', 'cloud2', 'POST /shares', 201));
      expect(second.output).toMatch(/DELETE \/admin\/tokens\/\{id\} +→ 204 +the token of an earlier run/);
      expect(second.output).toMatch(request('bob', 'files1', 'PUT /files/where-to-stay.txt', 201));

      for (const cloud of ['cloud1', 'cloud2']) {
        const folder = path.join(data, cloud);
        expect(readdirSync(folder)).toEqual(
          expect.arrayContaining(['admin-token', 'web.crt', 'federation.crt', 'server.log']),
        );
        expect(statSync(folder).mode & 0o077).toBe(0);
        expect(statSync(path.join(folder, 'admin-token')).mode & 0o077).toBe(0);
      }
      expect(statSync(path.join(data, 'files1')).mode & 0o077).toBe(0);
      expect(statSync(path.join(data, 'files1', 'host-token')).mode & 0o077).toBe(0);
      expect(existsSync(path.join(data, 'dev-ca.crt'))).toBe(true);
    },
    2 * WHOLE_DEMO_MS,
  );

  it(
    'stays up until it is interrupted, and takes both clouds and the file platform with it',
    async () => {
      const running = demo();
      const staysUp = () => running.output().includes('stay up until Ctrl-C') || running.child.exitCode !== null;
      await expect.poll(staysUp, { timeout: WHOLE_DEMO_MS, interval: 200 }).toBe(true);
      const all = [...ports, platformPort(running.output()) ?? 0];
      expect(await Promise.all(all.map(answers))).toEqual([true, true, true]);
      running.child.kill('SIGINT');
      expect(await running.ended).toMatchObject({ code: 0 });
      expect(await Promise.all(all.map(answers))).toEqual([false, false, false]);
    },
    WHOLE_DEMO_MS,
  );

  it('leaves no process behind when it is killed', async () => {
    const running = demo();
    const platform = () => platformPort(running.output());
    await expect.poll(platform, { timeout: 60_000, interval: 200 }).toBeDefined();
    const all = [...ports, platform() ?? 0];
    expect(await Promise.all(all.map(answers))).toEqual([true, true, true]);
    running.child.kill('SIGKILL');
    await running.ended;
    await expect
      .poll(async () => (await Promise.all(all.map(answers))).some(Boolean), { timeout: 20_000, interval: 200 })
      .toBe(false);
  }, 90_000);

  it('exits 1 and names the step that did not hold', async () => {
    const squatter = createServer().listen(ports[1], '127.0.0.1');
    await once(squatter, 'listening');
    const { code, output } = await demo('--once').ended;
    squatter.close();
    expect(code).toBe(1);
    expect(output).toContain(`✗ step 1. the ports are free: port ${ports[1]} is in use`);
  }, 30_000);

  it('exits 1 with the reason from its log when a cloud does not start', async () => {
    const spoilt = path.join(data, 'cloud2');
    mkdirSync(spoilt, { mode: 0o700 });
    writeFileSync(path.join(spoilt, 'admin-token'), 'short');
    const { code, output } = await demo('--once').ended;
    expect(code).toBe(1);
    expect(output).toMatch(/✗ step 4\. two clouds start.*cloud2 is gone: it ended with code 1/);
    expect(output).toMatch(/end of cloud2's log[\s\S]*admin-token/);
  }, 60_000);

  it('says how it is used to whoever mistypes', async () => {
    ports = [ports[0], ports[0]];
    expect(await demo().ended).toMatchObject({
      code: 2,
      output: expect.stringContaining('must be two different ports'),
    });
  });
});
