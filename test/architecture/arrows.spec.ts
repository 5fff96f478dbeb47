import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './sources.js';

const types = (specifier: string) => `export type * from '${specifier}';\n`;
const values = (specifier: string) => `export * from '${specifier}';\n`;

/** A small house: what each file imports, and the rules that this breaks. */
const HOUSE: Record<string, { imports?: string; breaks?: string[] }> = {
  'src/kernel/clock.ts': {},
  'src/host/port.ts': { imports: values('../kernel/clock.js') },
  'src/trust/act.ts': { imports: values('../host/port.js') },
  'src/index.ts': { imports: values('./trust/act.js') },
  'src/standalone/adapter.ts': { imports: values('../index.js') },
  'src/main.ts': { imports: values('./standalone/adapter.js') },
  'src/transport/dials.ts': { imports: values('node:tls') + values('undici') },
  'src/operations/listens.ts': { imports: values('node:https') },
  'src/trust/presented-certificate.ts': { imports: values('node:tls') },
  'src/trust/type-of-a-socket.ts': { imports: types('node:tls') },

  'src/kernel/calls-upwards.ts': { imports: values('../trust/act.js'), breaks: ['arrow-kernel'] },
  'src/ocm/calls-its-sibling.ts': { imports: values('../host/port.js'), breaks: ['arrow-ocm'] },
  'src/trust/type-from-above.ts': { imports: types('../shares/dials.js'), breaks: ['arrow-trust'] },
  'src/standalone/around-the-face.ts': { imports: values('../trust/act.js'), breaks: ['public-face-only'] },
  'src/operations/knows-standalone.ts': {
    imports: values('../standalone/adapter.js'),
    breaks: ['arrow-operations', 'no-lower-room-knows-standalone'],
  },
  'src/trust/one.ts': { imports: values('./other.js'), breaks: ['no-circles'] },
  // A circle is told of once, at its first file.
  'src/trust/other.ts': { imports: values('./one.js') },
  'src/shares/dials.ts': { imports: values('node:tls'), breaks: ['sockets-only-in-transport'] },
  'src/trust/calls.ts': { imports: values('node:https'), breaks: ['sockets-only-in-transport'] },
  'src/operations/calls.ts': { imports: values('undici'), breaks: ['clients-only-in-transport'] },
  'src/trust/uses-a-tool.ts': { imports: values('vitest'), breaks: ['no-dev-dependency'] },
  'src/trust/uses-what-nobody-promised.ts': { imports: values('fastify'), breaks: ['no-dev-dependency'] },
};

describe('the rules of dependency-cruiser', () => {
  let house: string;
  let broken: Map<string, string[]>;

  beforeAll(async () => {
    house = mkdtempSync(path.join(os.tmpdir(), 'entente-arrows-'));
    copyFileSync(path.join(ROOT, 'tsconfig.json'), path.join(house, 'tsconfig.json'));
    copyFileSync(path.join(ROOT, 'package.json'), path.join(house, 'package.json'));
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(house, 'node_modules'));
    for (const [file, { imports = '' }] of Object.entries(HOUSE)) {
      mkdirSync(path.dirname(path.join(house, file)), { recursive: true });
      writeFileSync(path.join(house, file), `${imports}export const here = 1;\n`);
    }
    broken = await judge(house);
  });
  afterAll(() => rmSync(house, { recursive: true }));

  it.each(Object.entries(HOUSE))('judge %s', (file, { breaks = [] }) => {
    expect(broken.get(file) ?? []).toEqual(breaks);
  });
});

/** The rules that each file breaks. */
function judge(folder: string): Promise<Map<string, string[]>> {
  const args = ['src', '--config', path.join(ROOT, '.dependency-cruiser.cjs'), '--output-type', 'json'];
  return new Promise((resolve, reject) => {
    execFile(path.join(ROOT, 'node_modules/.bin/depcruise'), args, { cwd: folder }, (_error, stdout, stderr) => {
      if (stdout === '') return reject(new Error(stderr));
      const { summary } = JSON.parse(stdout) as {
        summary: { violations: { from: string; rule: { name: string } }[] };
      };
      const rules = new Map<string, string[]>();
      for (const { from, rule } of summary.violations) {
        rules.set(from, [...new Set([...(rules.get(from) ?? []), rule.name])].sort());
      }
      resolve(rules);
    });
  });
}
