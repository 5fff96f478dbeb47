import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of `/proc` per second: a constant of Linux's interface. */
const TICKS = 100;

/** Seconds of processor time that a process has used, its ended children not counted; undefined where there is no `/proc`. */
export function cpuSeconds(pid) {
  try {
    const fields = afterName(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return undefined;
  }
}

/** The same for every process whose parent is this one, ended ones included: PostgreSQL's sessions and writers. */
export function cpuSecondsOfChildren(pid) {
  try {
    const own = afterName(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    let ticks = Number(own[13]) + Number(own[14]);
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const fields = statOf(entry);
      if (fields && Number(fields[1]) === pid) ticks += Number(fields[11]) + Number(fields[12]);
    }
    return ticks / TICKS;
  } catch {
    return undefined;
  }
}

/** A process may end while we look. */
function statOf(pid) {
  try {
    return afterName(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The fields from the third on; the name before them may hold anything. */
function afterName(stat) {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
