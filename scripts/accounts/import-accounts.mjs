import { randomUUID } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { Unusable } from './connection.mjs';
import { cutLines } from './cut-lines.mjs';
import { count, megabytes, Progress } from './progress.mjs';

/**
 * Sends the lines of a file, call by call. Each call is held as a whole or not at all, and the same lines again change
 * nothing, so whatever ends this can be answered by running it again.
 * @param {{ connection: import('./connection.mjs').Connection, options: { file: string }, signal: AbortSignal }} work
 * @returns {Promise<number>} the exit code
 */
export async function importAccounts({ connection, options: { file }, signal }) {
  const { chunks, size } = open(file, signal);
  const progress = new Progress();
  const sum = { created: 0, changed: 0, unchanged: 0, refused: 0 };
  const refuse = (line, why) => {
    sum.refused++;
    progress.note(`line ${line}: ${why}`, process.stdout);
  };
  try {
    for await (const { body, numbers, read, tooLong } of cutLines(chunks)) {
      for (const line of tooLong) refuse(line, 'longer than 64 KiB');
      if (numbers.length > 0) {
        const report = await send(connection, body, (why) => progress.note(why));
        for (const kind of ['created', 'changed', 'unchanged']) sum[kind] += report[kind];
        for (const refused of report.refused) refuse(numbers[refused.line - 1], reasonOf(refused));
      }
      const done = sum.created + sum.changed + sum.unchanged + sum.refused;
      const of = size === undefined ? `${megabytes(read)} MB` : `${megabytes(read)} of ${megabytes(size)} MB`;
      progress.tell(done, of, size ? read / size : undefined);
    }
  } catch (error) {
    if (signal.aborted) progress.end(`interrupted after ${inWords(sum)}: run it again to go on;`);
    else if (error instanceof Unusable) progress.end(`stopped after ${inWords(sum)}: run it again to go on;`);
    throw error;
  }
  progress.end(inWords(sum));
  return sum.refused > 0 ? 1 : 0;
}

/** @returns {Promise<{ created: number, changed: number, unchanged: number, refused: object[] }>} */
async function send(connection, body, onRetry) {
  // One key for all attempts: an answer that was lost is given again.
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': randomUUID() };
  const answer = await connection.call('POST', '/api/v1/accounts/import', { headers, body, onRetry });
  return JSON.parse(Buffer.concat(await answer.toArray()).toString());
}

/** `emails[0] TAKEN` */
function reasonOf({ message, validationErrors = [] }) {
  return validationErrors.map((error) => `${error.name} ${error.message}`).join(', ') || message;
}

function inWords({ created, changed, unchanged, refused }) {
  return `${count(created)} created, ${count(changed)} changed, ${count(unchanged)} unchanged, ${count(refused)} refused`;
}

/** @returns {{ chunks: AsyncIterable<Buffer>, size?: number }} */
function open(file, signal) {
  if (file === '-') return { chunks: addAbortSignal(signal, process.stdin) };
  try {
    const stats = statSync(file);
    if (!stats.isFile()) return { chunks: createReadStream(file, { signal }) };
    return { chunks: createReadStream(file, { signal }), size: stats.size };
  } catch (error) {
    throw new Unusable(`${file}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`);
  }
}
