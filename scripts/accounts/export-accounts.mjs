import { renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Unusable } from './connection.mjs';
import { count, megabytes, Progress } from './progress.mjs';

const LINE_FEED = 0x0a;

/**
 * Writes all accounts to a file, which is there only once it is whole.
 * @param {{ connection: import('./connection.mjs').Connection, options: { file: string, withPasswordHashes: boolean }, signal: AbortSignal }} work
 * @returns {Promise<number>} the exit code
 */
export async function exportAccounts({ connection, options: { file, withPasswordHashes }, signal }) {
  const progress = new Progress();
  const onRetry = (why) => progress.note(why);
  const answer = withPasswordHashes
    ? await connection.call('POST', '/admin/accounts/export', { onRetry })
    : await connection.call('GET', '/api/v1/accounts/export', { onRetry });
  const total = Number(answer.headers['x-account-count']) || 0;
  const sum = { accounts: 0, bytes: 0 };
  const counting = async function* (chunks) {
    for await (const chunk of chunks) {
      sum.bytes += chunk.length;
      for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) sum.accounts++;
      progress.tell(sum.accounts, `of ${count(total)}`, total ? Math.min(sum.accounts / total, 1) : undefined);
      yield chunk;
    }
  };
  const part = `${file}.part`;
  try {
    const target = file === '-' ? process.stdout : await created(part);
    await pipeline(answer, counting, target, { end: file !== '-' });
    if (file !== '-') renameSync(part, file);
  } catch (error) {
    if (file !== '-') rmSync(part, { force: true });
    if (signal.aborted) progress.end(`interrupted after ${count(sum.accounts)} accounts;`);
    else throw new Unusable(`the export broke off after ${count(sum.accounts)} accounts (${error.message})`);
    throw error;
  }
  progress.end(`${count(sum.accounts)} accounts, ${megabytes(sum.bytes)} MB`);
  return 0;
}

/** Accounts are people's: for whoever asked alone. It is there before anything is written, so that it can be taken away. */
async function created(file) {
  const handle = await open(file, 'w', 0o600);
  return handle.createWriteStream();
}
