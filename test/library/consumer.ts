import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bin } from '../../scripts/support/repository.mjs';
import { run } from '../../scripts/support/run.mjs';
import { ROOT, read } from '../architecture/sources.js';

/** What a host has installed beside us. */
const INSTALLED = ['@nestjs', '@types', 'reflect-metadata'];

const COMPILER = {
  module: 'nodenext',
  target: 'es2023',
  outDir: 'out',
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: false,
  noEmitOnError: true,
  types: ['node'],
};

/** The files of the README's examples: blocks of TypeScript whose first line is the name. */
function examplesOf(markdown: string): Map<string, string> {
  const blocks = markdown.matchAll(/^```ts\n\/\/ ([\w.-]+\.ts)\n(.*?)^```$/gms);
  return new Map([...blocks].map(([, name = '', text = '']) => [name, text]));
}

/** A project of somebody else's, which has the built package installed and nothing of our sources. */
export class Consumer {
  private constructor(readonly folder: string) {}

  static ofReadme(): Consumer {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-consumer-'));
    mkdirSync(path.join(folder, 'node_modules'));
    symlinkSync(ROOT, path.join(folder, 'node_modules', 'entente'));
    for (const name of INSTALLED) {
      symlinkSync(path.join(ROOT, 'node_modules', name), path.join(folder, 'node_modules', name));
    }
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER }));
    for (const [name, text] of examplesOf(read('README.md'))) writeFileSync(path.join(folder, name), text);
    return new Consumer(folder);
  }

  /** Checks the types against those that we publish, and compiles. */
  compile(): Promise<{ code: number; output: string }> {
    return run(bin('tsc'), ['--project', this.folder]);
  }

  compiled(name: string): string {
    return path.join(this.folder, 'out', name);
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.folder, name), text);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
