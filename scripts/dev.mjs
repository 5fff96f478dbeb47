import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseOptions } from './demo/options.mjs';
import { Pair } from './demo/pair.mjs';
import { Screen } from './demo/screen.mjs';
import { prepareAccounts } from './demo/sharing.mjs';
import { establishTrust } from './demo/trust.mjs';
import { bin, ROOT } from './support/repository.mjs';

/** What the compiler says whenever it has caught up with the sources. */
const CAUGHT_UP = /Found (\d+) errors?\. Watching for file changes/;

/**
 * `npm run dev`: the demo's two clouds, which trust each other and have their accounts, restarted whenever the sources
 * have changed and compile; beside them its file platform. Takes the options of the demo.
 */
const screen = new Screen();
const pair = new Pair({ options: parseOptions(process.argv.slice(2)), screen });
let compiler;
/** What is being done with the clouds; whatever comes next waits for it. */
let work = Promise.resolve();
let leaving = false;

/** Compiles for as long as we run. Resolves when it has done so once; from then on every success restarts the clouds. */
function compile() {
  compiler = spawn(bin('nest'), ['build', '--watch', '--preserveWatchOutput'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve) => {
    let rounds = 0;
    const ended = () => resolve({ built: false, ok: false, output: 'the compiler has ended' });
    compiler.on('error', ended).on('exit', ended);
    createInterface({ input: compiler.stdout }).on('line', (line) => {
      screen.say(line);
      const errors = CAUGHT_UP.exec(line)?.[1];
      if (errors !== '0') return;
      if (++rounds === 1) resolve({ built: true, ok: true, output: '' });
      else work = work.then(restart);
    });
  });
}

async function restart() {
  if (leaving) return;
  screen.say('\nthe build has changed: both clouds start anew');
  await pair.stopClouds();
  await pair.start().catch(complain);
}

function complain(error) {
  screen.say(`\n✗ ${error.message}`);
  for (const { name, tail } of pair.clouds) if (tail) screen.say(`--- the end of ${name}'s log\n${tail}`);
}

async function leave(code) {
  if (leaving) process.exit(code);
  leaving = true;
  compiler?.kill('SIGTERM');
  await pair.stop();
  process.exit(code);
}

async function begin() {
  await pair.rise(compile);
  await establishTrust(pair);
  await prepareAccounts(pair);
  await pair.openPlatform();
  for (const { name, origin } of pair.clouds) screen.say(`\n${name}  ${origin}/docs`);
  screen.say(`\n${pair.platform.name}  ${pair.platform.origin}/files/`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void leave(0));
work = begin().catch(async (error) => {
  complain(error);
  await leave(1);
});
