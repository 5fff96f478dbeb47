import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { StreamableFile } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cutLines } from '../../../../scripts/accounts/cut-lines.mjs';
import { FederationError } from '../../../../src/index.js';
import { ExportAccounts } from '../../../../src/standalone/accounts/transfer/export-accounts.js';
import { ImportAccounts } from '../../../../src/standalone/accounts/transfer/import-accounts.js';
import { CertificateAuthority } from '../../../../src/transport/certificates.js';
import { ROOT } from '../../../architecture/sources.js';
import { ADMIN_TOKEN, freePort, TestCloud } from '../../../support/cloud.js';

let cloud: TestCloud;
let folder: string;
const inFolder = (name: string) => path.join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'entente-program-'));
  const authority = await CertificateAuthority.create('Test CA');
  cloud = await TestCloud.start({ name: 'cloud1', authority });
  writeFileSync(inFolder('token'), `${ADMIN_TOKEN}\n`);
  writeFileSync(inFolder('ca.crt'), authority.certificate);
});
afterAll(async () => {
  await cloud?.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => cloud.rows('delete from federation.account'));
afterEach(() => vi.restoreAllMocks());

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const standard = () => ['--url', cloud.origin, '--token-file', inFolder('token'), '--ca', inFolder('ca.crt')];

async function accounts(args: string[], input = '', onStart?: (kill: () => void) => void): Promise<Outcome> {
  const child = spawn(process.execPath, ['scripts/accounts.mjs', ...args], { cwd: ROOT });
  const [stdout, stderr, code] = [
    text(child.stdout),
    text(child.stderr),
    new Promise((done) => child.on('close', done)),
  ];
  onStart?.(() => child.kill('SIGINT'));
  if (!onStart) child.stdin.end(input);
  return { code: (await code) as number | null, stdout: await stdout, stderr: await stderr };
}

const people = (many: number) =>
  Array.from({ length: many }, (_, at) =>
    JSON.stringify({ username: `p${at}@cloud1.localhost`, displayName: `P ${at}`, emails: [`p${at}@example.org`] }),
  );
const howMany = async () => (await cloud.rows('select from federation.account')).length;

describe('npm run accounts', () => {
  it('imports a file, again without effect, and exports what it imported', async () => {
    writeFileSync(inFolder('in.ndjson'), people(2_000).join('\n'));
    const first = await accounts(['import', inFolder('in.ndjson'), ...standard()]);
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toContain('2,000 created, 0 changed, 0 unchanged, 0 refused');
    const again = await accounts(['import', inFolder('in.ndjson'), ...standard()]);
    expect(again.stderr).toContain('0 created, 0 changed, 2,000 unchanged, 0 refused');

    const out = await accounts(['export', inFolder('out.ndjson'), ...standard()]);
    expect(out).toMatchObject({ code: 0, stdout: '' });
    const lines = readFileSync(inFolder('out.ndjson'), 'utf8').trimEnd().split('\n');
    expect(new Set(lines.map((line) => JSON.parse(line).username)).size).toBe(2_000);
    expect(statSync(inFolder('out.ndjson')).mode & 0o777).toBe(0o600);
    expect(existsSync(inFolder('out.ndjson.part'))).toBe(false);
  });

  it('reads standard input and writes standard output', async () => {
    expect(await accounts(['import', '-', ...standard()], people(3).join('\n'))).toMatchObject({ code: 0 });
    const { stdout } = await accounts(['export', '-', ...standard(), '--with-password-hashes']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
  });

  it('names the lines that were refused, in the numbers of the file, and ends with 1', async () => {
    const [one = '', two = '', three = ''] = people(3);
    const long = `{"username":"${'x'.repeat(70_000)}"}`;
    const file = ['\ufeff', one, '', 'nonsense', two, long, three.replace('p2@example', 'p0@example'), ''].join('\n');
    const { code, stdout, stderr } = await accounts(['import', '-', ...standard()], file.replace('\n', ''));

    expect(code).toBe(1);
    expect(stdout.trimEnd().split('\n').sort()).toEqual([
      'line 3: body INVALID_JSON',
      'line 5: longer than 64 KiB',
      'line 6: emails[0] TAKEN',
    ]);
    expect(stderr).toContain('2 created, 0 changed, 0 unchanged, 3 refused');
  });

  it('goes on after the cloud was busy', async () => {
    const act = cloud.get(ImportAccounts);
    vi.spyOn(act, 'execute').mockRejectedValueOnce(
      new FederationError('unavailable', 'UNAVAILABLE', { retryAfter: 1 }),
    );
    const { code, stderr } = await accounts(['import', '-', ...standard()], people(2).join('\n'));

    expect(code).toBe(0);
    expect(stderr).toMatch(/answered 503 .*; trying again in 1 s/);
    expect(await howMany()).toBe(2);
  });

  it('can be interrupted, and is run again', async () => {
    const act = cloud.get(ImportAccounts);
    const execute = act.execute.bind(act);
    let interrupt = () => undefined as unknown;
    vi.spyOn(act, 'execute').mockImplementation(async (lines, key) => {
      const report = await execute(lines, key);
      interrupt();
      return report;
    });
    writeFileSync(inFolder('in.ndjson'), people(2_000).join('\n'));
    const broken = await accounts(['import', inFolder('in.ndjson'), ...standard()], '', (kill) => {
      interrupt = kill;
    });
    vi.restoreAllMocks();

    expect(broken.code).toBe(130);
    expect(broken.stderr).toContain('run it again to go on');
    expect(await howMany()).toBeLessThan(2_000);
    expect((await accounts(['import', inFolder('in.ndjson'), ...standard()])).code).toBe(0);
    expect(await howMany()).toBe(2_000);
  });

  it('leaves no file behind when an export breaks off', async () => {
    const broken = async function* () {
      yield '{}\n';
      throw new Error('on purpose');
    };
    const file = new StreamableFile(Readable.from(broken(), { objectMode: false }));
    vi.spyOn(cloud.get(ExportAccounts), 'execute').mockResolvedValueOnce({ total: 5, file });
    const { code, stderr } = await accounts(['export', inFolder('part.ndjson'), ...standard()]);

    expect(code).toBe(2);
    expect(stderr).toContain('the export broke off');
    expect(readdirSync(folder).filter((name) => name.startsWith('part'))).toEqual([]);
  });

  it.each<[string, () => string[] | Promise<string[]>, RegExp]>([
    ['nothing to do', () => [], /npm run accounts/],
    ['no such file', () => ['import', '/nowhere/in.ndjson', ...standard()], /in\.ndjson: there is no such file/],
    ['no url', () => ['import', '-', '--token-file', inFolder('token')], /--url is missing/],
    ['no https', () => ['import', '-', ...standard(), '--url', 'http://cloud1.localhost'], /it must be https/],
    ['no such token file', () => ['import', '-', ...standard(), '--token-file', '/nowhere/t'], /there is no such file/],
    ['an authority that it does not know', () => ['export', '-', ...standard().slice(0, 4)], /not trusted .*--ca FILE/],
    [
      'a token of nobody',
      () => ['export', '-', ...standard(), '--token-file', inFolder('ca.one-line')],
      /token is not valid/,
    ],
    [
      'nobody there',
      async () => ['export', '-', ...standard(), '--url', `https://cloud1.localhost:${await freePort()}`],
      /nothing listens at/,
    ],
  ])('says in a sentence what is wrong with %s, and ends with 2', async (_, args, sentence) => {
    writeFileSync(inFolder('ca.one-line'), 'x'.repeat(43));
    const { code, stdout, stderr } = await accounts(await args(), people(1).join('\n'));

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(await howMany()).toBe(0);
  });
});

describe('a file cut into calls', () => {
  const cut = async (content: string, chunkSize = 1_000) => {
    const bytes = Buffer.from(content);
    const chunks = Array.from({ length: Math.ceil(bytes.length / chunkSize) }, (_, at) =>
      bytes.subarray(at * chunkSize, (at + 1) * chunkSize),
    );
    const calls: { body: Buffer; numbers: number[]; read: number }[] = [];
    for await (const call of cutLines(Readable.from(chunks))) calls.push(call);
    return calls;
  };

  it.each([1, 7, 1_000, 100_000])(
    'is the same file, each call within its limits, read %i bytes at a time',
    async (size) => {
      const lines = people(size === 1 ? 100 : 3_000);
      const calls = await cut(lines.join('\n'), size);

      expect(calls.map(({ body }) => body.toString()).join('')).toBe(`${lines.join('\n')}\n`);
      expect(calls.filter(({ body, numbers }) => body.length > 65_536 || numbers.length > 1_000)).toEqual([]);
      expect(calls.flatMap(({ numbers }) => numbers)).toEqual(lines.map((_, at) => at + 1));
      expect(calls.at(-1)?.read).toBe(lines.join('\n').length);
    },
  );

  it('has few lines with passwords in a call', async () => {
    const calls = await cut('{"password":"x"}\n'.repeat(120));
    expect(calls.map(({ numbers }) => numbers.length)).toEqual([50, 50, 20]);
  });
});
