import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

/** The floor: `node:https` asks for a client certificate that `clients` vouches for, and gives everybody the same answer. */
const { port, certificate, privateKey, clients, answer } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) };
const tls = { cert: certificate, key: privateKey, ca: clients, requestCert: true, rejectUnauthorized: true };
const server = createServer(tls, (request, response) => {
  request.resume();
  response.writeHead(200, headers).end(answer);
});
server.listen(port, '127.0.0.1');
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
