import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { introspect } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { eventually, TestCloud } from '../support/cloud.js';
import { type CallOptions, call } from '../support/hostile-peer.js';

const PROGRAM = path.resolve(import.meta.dirname, '../../scripts/demo/file-platform.mjs');

describe('the file platform of the demo', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-files-'));
  const resources = path.join(folder, 'resources');
  const output: string[] = [];
  let authority: CertificateAuthority;
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let alice: string;
  let carol: string;
  let hostToken: { id: string; token: string };
  let platform: ChildProcess;
  let origin: string;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud1', authority });
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud2');
    peer.answers({ kind: 'json', status: 201, body: { id: 'theirs', state: 'pending' } });
    alice = await cloud.createAccount('alice');
    carol = await cloud.createAccount('carol');
    for (const [owner, resource] of [
      [alice, 'notes'],
      [alice, 'diary'],
      [carol, 'notes'],
    ] as const) {
      cloud.makeResource(owner, resource);
      put(`${owner}/${resource}/of-whom.txt`, `${resource} of ${owner}`);
    }
    hostToken = await cloud.json('POST', '/admin/tokens', { role: 'host', label: 'file platform' });
    origin = await startPlatform();
  }, 60_000);
  afterAll(async () => {
    platform?.kill();
    await Promise.all([cloud?.stop(), peer?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  function put(name: string, content: string): string {
    const file = path.join(resources, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  async function startPlatform(): Promise<string> {
    const { certificate, privateKey } = await authority.issue('files.cloud1.localhost');
    const keep = (name: string, content: string) => {
      const file = path.join(folder, name);
      writeFileSync(file, content, { mode: 0o600 });
      return file;
    };
    const env = {
      TLS_CERT_FILE: keep('web.crt', certificate),
      TLS_KEY_FILE: keep('web.key', privateKey),
      RESOURCES_DIR: resources,
      CLOUD_ORIGIN: cloud.origin,
      CLOUD_CA_FILE: keep('ca.crt', authority.certificate),
      CLOUD_TOKEN_FILE: keep('host-token', hostToken.token),
    };
    const child = spawn(process.execPath, [PROGRAM], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    platform = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => void output.push(line));
    }
    return eventually('it listens', async () => {
      const line = output.find((text) => text.includes('"listening"'));
      return line && `https://files.cloud1.localhost:${JSON.parse(line).port}`;
    });
  }

  /** The token of a new share that bob has accepted. */
  async function share(owner: string, resourceId: string, permission: string): Promise<{ id: string; token: string }> {
    const wish = { owner, shareWith: `bob@${peer.host}`, name: 'Shared', resourceId, permission };
    const { id, shareId } = await cloud.json<Record<'id' | 'shareId', string>>('POST', '/api/v1/shares/outgoing', wish);
    const token: string = await eventually('it is offered', async () => {
      const offers = peer.received('/shares').map(({ body }) => JSON.parse(body));
      return offers.find((offer) => offer.shareId === shareId)?.protocol[0].options.access_token;
    });
    await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId });
    return { id, token };
  }

  const as = (token: string, options: CallOptions = {}) =>
    call(origin, { ca: authority.certificate, ...options, headers: { authorization: `Bearer ${token}` } });
  const get = (target: string, token: string) => as(token, { path: target });
  const write = (target: string, token: string, body: string) => as(token, { method: 'PUT', path: target, body });
  const withdraw = (id: string) => cloud.api('DELETE', `/api/v1/shares/outgoing/${id}`);

  it('lists the shared folder and reads its files', async () => {
    put(`${alice}/notes/deeper/end.txt`, 'the end');
    const { token } = await share(alice, 'notes', 'read');
    const listing = await get('/files/', token);
    expect([listing.status, listing.json]).toEqual([
      200,
      {
        files: [
          { name: 'deeper', type: 'folder' },
          { name: 'of-whom.txt', type: 'file' },
        ],
      },
    ]);
    expect((await get('/files', token)).json).toEqual(listing.json);
    expect((await get('/files/deeper/', token)).json).toEqual({ files: [{ name: 'end.txt', type: 'file' }] });
    const file = await get('/files/deeper/end.txt', token);
    expect([file.status, file.text]).toEqual([200, 'the end']);
    expect(file.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/octet-stream' });
    expect((await get('/files/of%2Dwhom.txt?x', token)).text).toBe(`notes of ${alice}`);
  });

  it('opens nothing but what was shared: not the owner’s other folders, nor another’s of the same name', async () => {
    const [notes, diary, others] = await Promise.all([
      share(alice, 'notes', 'read'),
      share(alice, 'diary', 'read'),
      share(carol, 'notes', 'read'),
    ]);
    expect((await get('/files/of-whom.txt', notes.token)).text).toBe(`notes of ${alice}`);
    expect((await get('/files/of-whom.txt', diary.token)).text).toBe(`diary of ${alice}`);
    expect((await get('/files/of-whom.txt', others.token)).text).toBe(`notes of ${carol}`);
    expect((await get('/files/diary/of-whom.txt', notes.token)).status).toBe(404);
  });

  describe('a path that does not lead into the shared folder', () => {
    let token: string;

    beforeAll(async () => {
      put(`${alice}/notes/deeper/end.txt`, 'the end');
      symlinkSync('../diary', path.join(resources, alice, 'notes', 'out'));
      symlinkSync('/etc/passwd', path.join(resources, alice, 'notes', 'out.txt'));
      symlinkSync('of-whom.txt', path.join(resources, alice, 'notes', 'inside.txt'));
      ({ token } = await share(alice, 'notes', 'read_write'));
    });

    it.each([
      '/files/../diary/of-whom.txt',
      '/files/%2e%2e/diary/of-whom.txt',
      '/files/..%2fdiary%2fof-whom.txt',
      '/files/%252e%252e/diary/of-whom.txt',
      '/files/..\\diary\\of-whom.txt',
      '/files/..%5cdiary%5cof-whom.txt',
      '/files/deeper/../../diary/of-whom.txt',
      '/files/./of-whom.txt',
      '/files//etc/passwd',
      '/files/%2fetc%2fpasswd',
      '/files//of-whom.txt',
      '/files/of-whom.txt%00.png',
      '/files/%c0%ae%c0%ae/diary/of-whom.txt',
      '/files/%',
      '/files/out/of-whom.txt',
      '/files/out.txt',
      '/files/inside.txt',
      '/files/of-whom.txt/deeper',
      '/filesystem',
      '/../files/of-whom.txt',
      '/',
      'https://files.cloud1.localhost/files/of-whom.txt',
    ])('%s is refused, to read and to write', async (target) => {
      const found = await get(target, token);
      expect([found.status, found.json]).toEqual([404, { message: 'RESOURCE_NOT_FOUND' }]);
      expect((await write(target, token, 'overwritten')).status).toBe(404);
      for (const resource of ['notes', 'diary']) {
        const text = readFileSync(path.join(resources, alice, resource, 'of-whom.txt'), 'utf8');
        expect(text).toBe(`${resource} of ${alice}`);
      }
    });

    it('is no more than not found if there is nothing, or its name is too long', async () => {
      expect((await get('/files/nowhere', token)).status).toBe(404);
      const long = `/files/${'x'.repeat(300)}`;
      expect([(await get(long, token)).status, (await write(long, token, 'x')).status]).toEqual([404, 404]);
    });
  });

  it('follows no link that stands for the resource, or for the folder of its owner', async () => {
    cloud.makeResource(alice, 'lent');
    const outside = put('../outside/secret.txt', 'secret');
    symlinkSync(path.dirname(outside), path.join(resources, alice, 'lent'));
    const { token } = await share(alice, 'lent', 'read');
    expect((await get('/files/secret.txt', token)).status).toBe(404);
    const dave = await cloud.createAccount('dave');
    cloud.makeResource(dave, 'notes');
    symlinkSync(path.join(resources, alice), path.join(resources, dave));
    const his = await share(dave, 'notes', 'read');
    expect((await get('/files/of-whom.txt', his.token)).status).toBe(404);
  });

  it('writes only where the share says so, from the moment of the change', async () => {
    const { id, token } = await share(alice, 'diary', 'read');
    const refused = await write('/files/new.txt', token, 'by bob');
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([
      403,
      'Bearer error="insufficient_scope", scope="read_write"',
    ]);
    const file = path.join(resources, alice, 'diary', 'new.txt');
    expect(existsSync(file)).toBe(false);
    await cloud.json('PATCH', `/api/v1/shares/outgoing/${id}`, { permission: 'read_write' });
    expect((await write('/files/new.txt', token, 'by bob, at some length')).status).toBe(201);
    expect((await write('/files/new.txt', token, 'by bob')).status).toBe(204);
    expect(readFileSync(file, 'utf8')).toBe('by bob');
    expect((await write('/files/', token, 'x')).json).toEqual({ message: 'IS_A_FOLDER' });
    expect((await write('/files/not-there/new.txt', token, 'x')).status).toBe(404);
    expect((await write('/files/big.txt', token, 'x'.repeat(1024 * 1024 + 1))).status).toBe(413);
    await cloud.json('PATCH', `/api/v1/shares/outgoing/${id}`, { permission: 'read' });
    expect((await write('/files/new.txt', token, 'again')).status).toBe(403);
    expect(readFileSync(file, 'utf8')).toBe('by bob');
  });

  it('takes reads and writes, and nothing else', async () => {
    const { token } = await share(alice, 'notes', 'admin');
    for (const method of ['DELETE', 'POST', 'MOVE']) {
      const answer = await as(token, { method, path: '/files/of-whom.txt' });
      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, PUT']);
    }
  });

  it.each<[string, Record<string, string>, string]>([
    ['no token', {}, 'Bearer'],
    ['a token in the query alone', {}, 'Bearer'],
    ['a password', { authorization: 'Basic Ym9iOmJvYg==' }, 'Bearer'],
    ['two tokens in one', { authorization: 'Bearer a b' }, 'Bearer'],
    ['a token of nobody', { authorization: `Bearer ${'A'.repeat(43)}` }, 'Bearer error="invalid_token"'],
  ])('shuts out whoever shows %s', async (what, headers, challenge) => {
    const { token } = await share(alice, 'notes', 'read');
    const target = what.includes('query') ? `/files/?access_token=${token}` : '/files/';
    const answer = await call(origin, { ca: authority.certificate, path: target, headers });
    expect([answer.status, answer.json]).toEqual([401, { message: 'CLIENT_NOT_AUTHENTICATED' }]);
    expect(answer.headers['www-authenticate']).toBe(challenge);
  });

  it('lets nobody in with the tokens of the cloud itself', async () => {
    expect((await get('/files/', hostToken.token)).status).toBe(401);
  });

  it('shuts bob out with the next request once alice has withdrawn', async () => {
    const { id, token } = await share(alice, 'notes', 'read');
    expect((await get('/files/', token)).status).toBe(200);
    expect((await withdraw(id)).status).toBe(204);
    const answer = await get('/files/', token);
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer error="invalid_token"']);
  });

  it('writes nothing of an upload during which the share was withdrawn', async () => {
    const { id, token } = await share(alice, 'diary', 'read_write');
    const headers = { authorization: `Bearer ${token}`, 'content-length': 8 };
    const { hostname: servername, port } = new URL(origin);
    const server = { host: '127.0.0.1', port, servername, ca: authority.certificate };
    const upload = request({ ...server, method: 'PUT', path: '/files/late.txt', headers });
    const answered = once(upload, 'response');
    await new Promise((resolve) => upload.write('half', resolve));
    await withdraw(id);
    upload.end('half');
    const [response] = await answered;
    response.resume();
    expect(response.statusCode).toBe(401);
    expect(existsSync(path.join(resources, alice, 'diary', 'late.txt'))).toBe(false);
  });

  it('has put no token into what it prints', async () => {
    const { token } = await share(alice, 'notes', 'read');
    await get(`/files/?token=${token}`, token);
    await eventually('it prints the request', async () => output.length > 30 && output.at(-1)?.includes('/files/'));
    expect(output.filter((line) => line.includes(token) || line.includes(hostToken.token))).toEqual([]);
  });

  it('lets nobody in while its cloud does not say, and says so', async () => {
    const { token } = await share(alice, 'notes', 'read');
    await cloud.json('DELETE', `/admin/tokens/${hostToken.id}`);
    const answer = await get('/files/', token);
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
    expect(output).toContain('introspection was answered 401');
    expect(await introspect(cloud, token)).toMatchObject({ active: true });
    await cloud.down();
    expect((await get('/files/', token)).status).toBe(503);
  });
});
