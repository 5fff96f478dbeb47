import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WatchedFiles } from '../../src/standalone/watched-files.js';

let folder: string;
let said: string[];
let used: string[];
let isDue: boolean;
let alertsFail: boolean;
let watched: WatchedFiles<string>;

const at = (name: string) => path.join(folder, name);
const write = (name: string, text: string) => writeFileSync(at(name), text);
const link = (target: string, name: string) => {
  symlinkSync(target, at('fresh-link'));
  renameSync(at('fresh-link'), at(name));
};

/** Two files whose texts have to be alike. */
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'entente-watched-'));
  [said, used, isDue, alertsFail] = [[], [], false, false];
  for (const name of ['one', 'other']) write(name, 'first');
  watched = new WatchedFiles({
    files: [at('one'), at('other')],
    read: () => {
      const [one, other] = [readFileSync(at('one'), 'utf8'), readFileSync(at('other'), 'utf8')];
      if (one !== other) throw new Error(`${one} and ${other}`);
      return one;
    },
    use: (text) => void used.push(text),
    isDue: () => isDue,
    warn: (why) => void said.push(`warn ${why}`),
    raise: async (why) => {
      if (alertsFail) throw new Error('no database');
      said.push(`raise ${why}`);
    },
    settle: async () => void said.push('settle'),
  });
});

afterEach(() => rmSync(folder, { recursive: true }));

async function look(times = 1): Promise<void> {
  for (let count = 0; count < times; count++) await watched.look();
}

describe('files that are watched', () => {
  it('are read once as long as nothing changes, and whatever was raised before the start is settled', async () => {
    await look(3);
    expect([used, said]).toEqual([['first'], ['settle']]);
  });

  it('are read again when they are written, replaced, or behind another link', async () => {
    await look();
    for (const name of ['one', 'other']) write(name, 'second');
    await look(2);
    for (const name of ['one', 'other']) {
      write('aside', 'third!');
      renameSync(at('aside'), at(name));
    }
    await look(2);
    write('target', 'linked');
    for (const name of ['one', 'other']) link('target', name);
    await look(2);
    expect(used).toEqual(['first', 'second', 'third!', 'linked']);
    expect(said).toEqual(['settle']);
  });

  it('may be half written for one look without a word', async () => {
    await look();
    write('one', 'second');
    await look();
    write('other', 'second');
    await look();
    expect([used, said]).toEqual([
      ['first', 'second'],
      ['settle', 'settle'],
    ]);
  });

  it('are told of once for each change if they stay so, and settled when they are whole', async () => {
    await look();
    write('one', 'second');
    await look(5);
    expect(said).toEqual(['settle', 'warn second and first', 'raise second and first']);
    rmSync(at('other'));
    await look(5);
    expect(said.slice(3)).toEqual([expect.stringMatching(/^warn ENOENT/), expect.stringMatching(/^raise ENOENT/)]);
    write('other', 'second');
    await look(5);
    expect(said.slice(5)).toEqual(['settle']);
    expect(used).toEqual(['first', 'second']);
  });

  it('are whole again when the link leads back to what is in use', async () => {
    for (const name of ['one', 'other']) renameSync(at(name), at(`${name}.first`));
    for (const name of ['one', 'other']) link(`${name}.first`, name);
    await look();
    link('nowhere', 'one');
    await look(3);
    expect(said).toHaveLength(3);
    link('one.first', 'one');
    await look(3);
    expect(said.slice(3)).toEqual(['settle']);
  });

  it('are told of at once, and again, to whoever insists', async () => {
    await look();
    write('one', 'second');
    for (const _time of [1, 2]) await watched.look(true);
    expect(said.filter((line) => line.startsWith('warn'))).toHaveLength(2);
  });

  it('are raised later if they cannot be raised now, without another line in the log', async () => {
    await look();
    write('one', 'second');
    await look();
    alertsFail = true;
    for (const _time of [1, 2, 3]) await expect(watched.look()).rejects.toThrow('no database');
    alertsFail = false;
    await look(3);
    expect(said).toEqual(['settle', 'warn second and first', 'raise second and first']);
  });

  it('are read again when what they made is about to end', async () => {
    await look();
    isDue = true;
    await look();
    isDue = false;
    await look();
    expect(used).toEqual(['first', 'first']);
  });

  it('are looked at one look after the other', async () => {
    await Promise.all([watched.look(), watched.look(), watched.look()]);
    expect(used).toEqual(['first']);
  });
});
