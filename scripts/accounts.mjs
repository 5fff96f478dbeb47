import { Connection, Unusable } from './accounts/connection.mjs';
import { exportAccounts } from './accounts/export-accounts.mjs';
import { importAccounts } from './accounts/import-accounts.mjs';
import { parseOptions, USAGE } from './accounts/options.mjs';

/**
 * Accounts into a cloud, or out of one, as JSON lines: `npm run accounts`. See USAGE. Exits 0 if every line held, 1 if one
 * was refused, 2 if it could not begin or not go on, 130 if it was interrupted.
 */
async function main() {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interruption.abort());
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options.help) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const connection = new Connection(options, interruption.signal);
    const work = options.act === 'import' ? importAccounts : exportAccounts;
    return await work({ connection, options, signal: interruption.signal });
  } catch (error) {
    if (interruption.signal.aborted) return 130;
    if (!(error instanceof Unusable)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

process.exitCode = await main();
