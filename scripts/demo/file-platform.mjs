import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { read, write } from './file-platform/files.mjs';
import { Gate, tokenOf } from './file-platform/gate.mjs';
import { resourceOf, stepsOf } from './file-platform/places.mjs';
import { Refusal } from './file-platform/refusal.mjs';

/**
 * A file platform, as small as can be: it keeps the folders that accounts of a cloud share, and lets people of other
 * clouds into them with the token that came with the share. Settings (environment): LISTEN_PORT (any free one),
 * TLS_CERT_FILE, TLS_KEY_FILE, RESOURCES_DIR; of its own cloud CLOUD_ORIGIN, CLOUD_CA_FILE, CLOUD_TOKEN_FILE.
 *
 * - `GET /files/…`: a folder lists as `{ "files": [ { "name", "type": "folder" | "file" } ] }`, a file is read.
 * - `PUT /files/…`: writes a file, 201 or 204; needs the permission to.
 *
 * The path begins at the shared resource: the token decides which one that is, and there is no way to name another.
 */
const env = process.env;
const gate = new Gate({
  origin: env.CLOUD_ORIGIN,
  ca: readFileSync(env.CLOUD_CA_FILE, 'utf8'),
  token: readFileSync(env.CLOUD_TOKEN_FILE, 'utf8').trim(),
});

/** Largest file that can be written, in bytes. */
const LIMIT = 1024 * 1024;

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
const ACTS = { GET: answerRead, PUT: answerWrite };

async function answer(request, response) {
  const token = tokenOf(request);
  const act = ACTS[request.method];
  if (!act) throw new Refusal(405, 'METHOD_NOT_ALLOWED', { allow: Object.keys(ACTS).join(', ') });
  await act(request, response, token);
}

async function answerRead(request, response, token) {
  const share = await gate.admit(token, 'read');
  const found = await read(await resourceOf(env.RESOURCES_DIR, share), stepsOf(request.url));
  if (found.list) return send(response, 200, { files: found.list });
  response.writeHead(200, { ...HEADERS, 'content-type': 'application/octet-stream' });
  await pipeline(found.file.createReadStream(), response);
}

/** The body comes first: the token must be worth something when the file is written, not when the upload began. */
async function answerWrite(request, response, token) {
  const length = request.headers['content-length'];
  if (length === undefined) throw new Refusal(411, 'LENGTH_REQUIRED');
  if (Number(length) > LIMIT) throw new Refusal(413, 'PAYLOAD_TOO_LARGE', { connection: 'close' });
  const content = await buffer(request);
  const share = await gate.admit(token, 'write');
  const done = await write(await resourceOf(env.RESOURCES_DIR, share), stepsOf(request.url), content);
  response.writeHead(done === 'created' ? 201 : 204, HEADERS).end();
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { ...HEADERS, 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function refuse(response, error) {
  if (response.headersSent) return response.destroy();
  if (error instanceof Refusal) return send(response, error.status, { message: error.message }, error.headers);
  console.error(error);
  send(response, 500, { message: 'INTERNAL_ERROR' });
}

const certificate = { cert: readFileSync(env.TLS_CERT_FILE), key: readFileSync(env.TLS_KEY_FILE) };
const server = createServer(certificate, async (request, response) => {
  await answer(request, response).catch((error) => refuse(response, error));
  const [path] = request.url.split('?', 1);
  console.log(JSON.stringify({ msg: 'request', method: request.method, path, status: response.statusCode }));
});
server.listen(Number(env.LISTEN_PORT ?? 0), '127.0.0.1', () => {
  console.log(JSON.stringify({ msg: 'listening', port: server.address().port }));
});
