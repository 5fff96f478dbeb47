import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { Setting } from '../../src/standalone/setting.js';
import { SETTINGS } from '../../src/standalone/settings.js';

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly comment: string;
}

/** Blocks of comment lines, each with one setting under them. */
function entriesOf(text: string): Entry[] {
  return text.split(/\n\n+/).flatMap((block) => {
    const lines = block.trim().split('\n');
    const [, name, value] = /^#([A-Z_]+)=(.*)$/.exec(lines.at(-1) ?? '') ?? [];
    if (name === undefined || value === undefined) return [];
    const comment = lines.slice(0, -1).map((line) => line.replace(/^# /, ''));
    return [{ name, value, comment: comment.join(' ') }];
  });
}

it('says in .env.example what every setting means and what holds without it, and nothing else', () => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../.env.example'), 'utf8');
  const table: Entry[] = Object.entries<Setting>(SETTINGS).map(([name, { preset, comment }]) => ({
    name,
    value: preset ?? '',
    comment,
  }));

  expect(entriesOf(text)).toEqual(table);
  expect(text.match(/^#?[A-Z_]+=/gm)).toHaveLength(table.length);
});
