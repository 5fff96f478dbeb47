import { createContext, Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { cpuTimeOf } from '../support/cpu-time.js';
import { allPatterns, type Pattern } from './patterns.js';

const LENGTH = 100_000;
/** Milliseconds of processor time for the longest text. */
const PATIENCE = 50;
/** Some patterns would go on for ever. */
const STOPPED_AFTER = 2_000;

interface Bound {
  readonly source: string;
  /** How long a text can be when the pattern meets it. */
  readonly length: number;
  /** Milliseconds that such a text may cost. */
  readonly patience: number;
  readonly why: string;
}

/** Patterns that take time beyond proportion for long texts. One that changes is judged anew. */
const BOUNDED: readonly Bound[] = [
  { source: '\\/\\/.*@', length: 4 * 1024, patience: PATIENCE, why: 'a setting, which the operator writes' },
];

const SINGLES = [
  'a',
  'A',
  '0',
  'f',
  '-',
  '_',
  '.',
  ':',
  '/',
  '\\',
  '%',
  '@',
  '=',
  '"',
  '+',
  ' ',
  '\t',
  '\n',
  '\u00a0',
  'é',
  '\u{1f600}',
  '\u2028',
];
const SEPARATORS = ['', ' ', '-', '.', ':', '=', '"', '/', '\n', 'a', '0'];
const ENDINGS = ['', '!', '\n!'];

/** Runs of plain characters in the pattern: what a text has to hold to get deep into it. */
function literalsOf({ source }: Pattern): string[] {
  const plain = source
    .replace(/\(\?(?:[:=!]|<[=!])/g, '(')
    .replace(/\[(?:\\.|[^\]\\])*\]/g, ' ')
    .replace(/\\([^a-zA-Z0-9])/g, '$1')
    .replace(/\\./g, ' ');
  const words = plain.split(/[\s()|?*+^$]+|\{[\d,]*\}/).filter(Boolean);
  return [...new Set(words)].slice(0, 8);
}

/** Texts in which one thing is repeated, alone or behind what the pattern wants first. */
function* worstTexts(pattern: Pattern, length: number): Generator<string> {
  const literals = literalsOf(pattern);
  const [first = ''] = literals;
  const filled = (unit: string) => unit.repeat(Math.ceil(length / unit.length));
  for (const unit of SINGLES) {
    for (const ending of ENDINGS) yield filled(unit) + ending;
    for (const literal of literals) yield `${literal}${filled(unit)}\n!`;
  }
  for (const literal of literals) {
    for (const separator of SEPARATORS) {
      yield `${filled(literal + separator)}!`;
      if (literal !== first) yield `${first}${filled(literal + separator)}!`;
    }
  }
}

const sandbox: { text: string; pattern: RegExp } = { text: '', pattern: /x/ };
const context = createContext(sandbox);
const TEST = new Script('pattern.test(text)');
const REPLACE = new Script('text.replace(pattern, "")');

/** Whether the text is judged in so many milliseconds of processor time, in one of three attempts. */
function isQuick(pattern: Pattern, text: string, patience: number): boolean {
  Object.assign(sandbox, { text, pattern: new RegExp(pattern.source, pattern.flags) });
  const script = pattern.flags.includes('g') ? REPLACE : TEST;
  return [1, 2, 3].some(() => cpuTimeOf(() => runBriefly(script)) < patience);
}

function runBriefly(script: Script): void {
  try {
    script.runInContext(context, { timeout: STOPPED_AFTER });
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
  }
}

function slowTexts(pattern: Pattern, length: number, patience: number): string[] {
  const slow: string[] = [];
  for (const text of worstTexts(pattern, length)) {
    if (!isQuick(pattern, text, patience)) slow.push(JSON.stringify(`${text.slice(0, 24)}…${text.slice(-4)}`));
    if (slow.length > 2) break;
  }
  return slow;
}

describe('the regular expressions of the sources', () => {
  const { patterns, computed } = allPatterns();

  it('are found, and all of them are written down as they are', () => {
    expect(patterns.length).toBeGreaterThan(50);
    expect(computed).toEqual([]);
  });

  it('judge a text of a hundred thousand characters at once, whatever is repeated in it', () => {
    const slow = patterns
      .filter(({ source }) => !BOUNDED.some((bound) => bound.source === source))
      .map((pattern) => ({ at: pattern.at, texts: slowTexts(pattern, LENGTH, PATIENCE) }))
      .filter(({ texts }) => texts.length > 0);
    expect(slow).toEqual([]);
  }, 60_000);

  it('where they could not, meet shorter texts only', () => {
    for (const { source, length, patience, why } of BOUNDED) {
      const pattern = patterns.find((each) => each.source === source);
      if (!pattern) throw new Error(`${source} is gone: take it off the list`);
      expect(slowTexts(pattern, length, patience), why).toEqual([]);
    }
  }, 20_000);
});
