import { writeFileSync } from 'node:fs';
import { JudgeCaller } from '../../dist/trust/judge-caller.js';
import { JudgedCopies } from '../../dist/trust/judged-copies.js';
import { Relationships } from '../../dist/trust/relationships.js';

/**
 * Preloaded into the product (`--import …/probe.mjs?results=FILE`): times every verdict, and writes the times when the
 * process ends, as JSON: { verdicts: [{ at, own, row }], floors: [{ at, ms }] }.
 *
 * `at`: epoch, ms. `own`: processor time of the process (ms) while the verdict computes, from the certificate to the kind
 * of answer; without the row. `row`: how long the row took to arrive (ms), queues of the process included; null if there
 * was a copy. `floors`: a `select 1` by the same way, after one row in four.
 */
const file = new URL(import.meta.url).searchParams.get('results');
const verdicts = [];
const floors = [];
/** The verdict whose first, synchronous part is running. */
let current;

const processorTime = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const { execute } = JudgeCaller.prototype;
JudgeCaller.prototype.execute = function (caller) {
  const verdict = { at: Date.now(), own: 0, row: null };
  verdicts.push(verdict);
  current = verdict;
  const since = processorTime();
  const judging = execute.call(this, caller);
  verdict.own += processorTime() - since;
  current = undefined;
  return judging.finally(() => {
    verdict.own += processorTime() - (verdict.resumedAt ?? processorTime());
  });
};

const { of } = JudgedCopies.prototype;
JudgedCopies.prototype.of = function (pin, read) {
  const verdict = current;
  return of.call(this, pin, read).finally(() => {
    if (verdict) verdict.resumedAt = processorTime();
  });
};

const { byPin } = Relationships.prototype;
Relationships.prototype.byPin = async function (pin) {
  const verdict = current;
  const since = performance.now();
  const spent = processorTime();
  const reading = byPin.call(this, pin);
  if (verdict) verdict.own -= processorTime() - spent;
  const row = await reading;
  if (verdict) verdict.row = performance.now() - since;
  if (verdicts.length % 4 === 0) void touch(this.transactions);
  return row;
};

async function touch(transactions) {
  const since = performance.now();
  await transactions.query('select 1');
  floors.push({ at: Date.now(), ms: performance.now() - since });
}

process.on('exit', () => {
  const timed = verdicts.map(({ at, own, row }) => ({ at, own, row }));
  writeFileSync(file, JSON.stringify({ verdicts: timed, floors }));
});
