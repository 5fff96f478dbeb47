import { type ConnectionOptions, connect } from 'node:tls';
import type { IssuedCertificate } from '../../src/transport/certificates.js';

/**
 * Sends bytes as they are, on a connection of its own, and gives every byte until the server ends it.
 * @param silentMs milliseconds of silence that count as the end; 0: none do
 */
export function rawExchange(
  origin: string,
  text: string,
  as?: IssuedCertificate,
  options: ConnectionOptions = {},
  silentMs = 0,
): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: Number(port),
      servername: hostname,
      rejectUnauthorized: false,
      cert: as?.certificate,
      key: as?.privateKey,
      ...options,
    });
    const chunks: Buffer[] = [];
    socket.setTimeout(silentMs, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('close', () => resolve(Buffer.concat(chunks).toString()));
    // A server that has said all it will may close on whoever still writes.
    socket.once('error', (error) => (chunks.length > 0 ? socket.destroy() : reject(error)));
    socket.write(text);
  });
}

/** A request as text. It does not ask for the end of the connection: an answer that ends it does so by itself. */
export function requestText(origin: string, method: string, path: string, body = '', headers: string[] = []): string {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${new URL(origin).host}`, ...headers];
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  return `${[...lines, ...length].join('\r\n')}\r\n\r\n${body}`;
}

/** An answer without what differs from one to the next. */
export function withoutMoment(answer: string): string {
  return answer.replace(/^x-request-id: .*\r\n/im, '').replace(/^date: .*\r\n/im, '');
}
