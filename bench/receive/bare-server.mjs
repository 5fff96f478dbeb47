import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import pg from 'pg';

/** (a) The floor: `node:https` asks for a client certificate, and a body becomes one INSERT. Nothing is checked. */
const { port, databaseUrl, certificate, privateKey, clients } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });

const INSERT = {
  name: 'insert',
  text: `insert into bare_share (share_id, provider_id, owner, share_with, name, description, permission, protocol)
    values ($1, $2, $3, $4, $5, $6, $7, $8) returning id`,
};

async function receive(request, response) {
  if (!request.socket.authorized) return void response.writeHead(401, { 'content-length': 0 }).end();
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const share = JSON.parse(Buffer.concat(chunks).toString());
  const { shareId, providerId, owner, shareWith, name, description, permission, protocol } = share;
  const values = [shareId, providerId, owner, shareWith, name, description, permission, JSON.stringify(protocol)];
  const { rows } = await pool.query({ ...INSERT, values });
  const body = JSON.stringify({ id: rows[0].id, ...share });
  response.writeHead(201, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
}

await pool.query(`create table bare_share (
  id bigint generated always as identity primary key, share_id text not null unique, provider_id text not null,
  owner text not null, share_with text not null, name text not null, description text, permission text not null,
  protocol jsonb not null, created_at timestamptz not null default now())`);
const tls = { cert: certificate, key: privateKey, ca: clients, requestCert: true, rejectUnauthorized: true };
const server = createServer({ ...tls, keepAliveTimeout: 30_000 }, (request, response) => {
  receive(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500, { 'content-length': 0 }).end();
  });
});
server.listen(port, '127.0.0.1');
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void pool.end();
});
