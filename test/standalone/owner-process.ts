import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import ts from 'typescript';

const SOURCES = path.resolve(import.meta.dirname, '../../src/standalone');
const MODULES = path.resolve(import.meta.dirname, '../../node_modules');

const OWNER = `
import { startEmbeddedPostgres } from './embedded-postgres.js';
const { url, owned } = await startEmbeddedPostgres({ dataDir: process.argv[2], durable: process.argv[3] === 'durable' });
console.log(JSON.stringify({ url, owned }));
setInterval(() => {}, 60_000);
`;

export interface OwnerProcess {
  readonly url: string;
  readonly owned: boolean;
  /** Ends it without a chance to clean up, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Compiles the launcher into `folder` as plain JavaScript that Node runs by itself; returns the program to start. */
export function compileLauncher(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(SOURCES).filter((name) => /^(embedded-)?postgres.*\.ts$/.test(name))) {
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
    const { outputText } = ts.transpileModule(readFileSync(path.join(SOURCES, file), 'utf8'), {
      compilerOptions: options,
    });
    writeFileSync(path.join(folder, file.replace(/\.ts$/, '.js')), outputText);
  }
  writeFileSync(path.join(folder, 'owner.js'), OWNER);
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(MODULES, path.join(folder, 'node_modules'));
  return path.join(folder, 'owner.js');
}

/** Gives the program a copy of the binaries beside it, instead of those of this checkout. */
export function bringBinaries(program: string): void {
  const modules = path.join(path.dirname(program), 'node_modules');
  rmSync(modules);
  mkdirSync(modules);
  for (const name of readdirSync(MODULES).filter((entry) => entry !== '@embedded-postgres')) {
    symlinkSync(path.join(MODULES, name), path.join(modules, name));
  }
  execFileSync('cp', ['-a', path.join(MODULES, '@embedded-postgres'), modules]);
}

/** Another process of ours, which has started the embedded database or attached to it. */
export async function startOwner(
  program: string,
  dataDir: string,
  { durable = false, temporary = os.tmpdir() } = {},
): Promise<OwnerProcess> {
  const child = spawn(process.execPath, [program, dataDir, durable ? 'durable' : 'fast'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary },
  });
  const { url, owned } = JSON.parse(await firstLine(child)) as { url: string; owned: boolean };
  const kill = () =>
    new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  return { url, owned, kill };
}

async function firstLine({ stdout, stderr }: ChildProcess): Promise<string> {
  if (stdout) for await (const line of createInterface({ input: stdout })) return line;
  throw new Error(stderr ? await text(stderr) : 'the process ended without a word');
}
