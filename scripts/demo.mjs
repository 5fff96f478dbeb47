import { parseOptions, USAGE } from './demo/options.mjs';
import { Pair } from './demo/pair.mjs';
import { Screen, StepFailed } from './demo/screen.mjs';
import { prepareAccounts, shareAFolder } from './demo/sharing.mjs';
import { establishTrust } from './demo/trust.mjs';

/** Two clouds that come to trust each other and share a folder, with the files in it: `npm run demo`. See USAGE. */
async function main() {
  const options = readOptions();
  if (!options) return 2;
  const screen = new Screen();
  const pair = new Pair({ options, screen });
  const interrupted = interruption();
  try {
    screen.say('Entente: two clouds that share. Every line with an arrow is one HTTP request and its status.');
    const story = tell(pair).then(() => 'told');
    if ((await Promise.race([story, interrupted])) !== 'told') return 130;
    summarise(pair, options.once);
    if (options.once) return 0;
    const death = await Promise.race([pair.died(), interrupted]);
    if (typeof death !== 'string') return 0;
    screen.say(`\n✗ ${death}`);
    showLogs(pair);
    return 1;
  } catch (error) {
    screen.say(`\n✗ ${error instanceof StepFailed ? error.message : error.stack}`);
    showLogs(pair);
    return 1;
  } finally {
    screen.say('\nstopping …');
    await pair.stop();
  }
}

async function tell(pair) {
  await pair.rise();
  await establishTrust(pair);
  const people = await prepareAccounts(pair);
  await pair.openPlatform();
  await shareAFolder(pair, people);
}

function readOptions() {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    return undefined;
  }
}

/** Resolves on Ctrl-C and its like. The second time does not wait for anybody. */
function interruption() {
  return new Promise((resolve) => {
    let times = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => {
        if (++times > 1) process.exit(130);
        resolve(undefined);
      });
    }
  });
}

function summarise({ screen, clouds, platform, authority }, once) {
  screen.say(`\n✓ all ${screen.steps} steps held: ${screen.calls} requests in ${screen.seconds} s\n`);
  for (const { name, origin, adminTokenFile } of clouds) {
    screen.say(`  ${name}  Swagger UI   ${origin}/docs`);
    screen.say(`          admin token  ${adminTokenFile}`);
  }
  screen.say(`  ${platform.name}  files        ${platform.origin}/files/`);
  screen.say(`\n  Browsers warn until they trust ${authority}.`);
  if (!once) screen.say('  Both clouds and the file platform stay up until Ctrl-C.');
}

function showLogs({ screen, clouds, platform }) {
  for (const { name, tail, logFile } of [...clouds, platform]) {
    if (tail) screen.say(`\n--- the end of ${name}'s log, ${logFile}\n${tail}`);
  }
}

process.exitCode = await main();
// Requests of a story that was interrupted may still be waiting for their time limits.
process.exit();
