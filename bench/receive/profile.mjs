import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const TOP = 14;

/**
 * Where the processor time of a Node process went, from the `.cpuprofile` that it left in the folder: self time by part of
 * the program, in per cent of the time in which it was not idle. @returns {string[]} lines
 */
export function describeProfile(folder, title) {
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
  if (!file) return ['no profile was written'];
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
  const selfTime = new Map();
  for (const [at, id] of samples.entries()) selfTime.set(id, (selfTime.get(id) ?? 0) + timeDeltas[at]);
  const parts = new Map();
  for (const { id, callFrame } of nodes) {
    const part = partOf(callFrame);
    if (part) parts.set(part, (parts.get(part) ?? 0) + (selfTime.get(id) ?? 0));
  }
  const busy = [...parts.values()].reduce((sum, time) => sum + time, 0);
  const lines = [...parts].sort(([, a], [, b]) => b - a).slice(0, TOP);
  const percent = (time) => `${((time / busy) * 100).toFixed(1).padStart(5)} %`;
  return [`\n${title}`, ...lines.map(([part, time]) => `  ${percent(time)}  ${part}`)];
}

function partOf({ functionName, url }) {
  if (functionName === '(idle)' || functionName === '(root)') return undefined;
  if (functionName === '(garbage collector)') return 'garbage collection';
  const ours = /\/dist\/(?<room>[^/]+)\//.exec(url)?.groups;
  if (ours && !url.includes('/node_modules/')) return `ours: ${ours.room}`;
  const theirs = /.*\/node_modules\/(?<name>(?:@[^/]+\/)?[^/]+)/.exec(url)?.groups;
  if (theirs) return `package: ${theirs.name}`;
  if (url.startsWith('node:')) return `Node: ${url.slice('node:'.length).replace('internal/', '').split('/')[0]}`;
  return functionName === '(program)' ? 'native code, system calls' : `native: ${functionName}`;
}
