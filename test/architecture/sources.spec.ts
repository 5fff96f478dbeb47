import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf, filesIn, linesOf, ROOT, read, rooms } from './sources.js';

const SOURCES = filesIn('src', '.ts');

describe('the sources', () => {
  it('stay small enough to review: 250 lines at most', () => {
    expect(SOURCES.filter((file) => linesOf(file) > 250)).toEqual([]);
  });

  it('read the environment in one file', () => {
    const reading = SOURCES.filter((file) =>
      /\bprocess\s*\??\.\s*env\b|\bprocess\[|env\s*[,}].*process\b/.test(codeOf(file)),
    );
    expect(reading).toEqual(['src/standalone/environment.ts']);
  });

  /** Documents show the one shape of errors, which every interface shares. */
  const spelledElsewhere: Record<string, string[]> = { validationErrors: ['src/operations/api-errors.ts'] };

  /** Spellings of the wire that mean nothing outside of it. */
  it.each([
    'access_token',
    'sharedSecret',
    'validationErrors',
    '_embedded',
    '_links',
    'X-Page',
    'X-Per-Page',
    'X-Total',
  ])('spell the wire word %s in src/ocm only', (word) => {
    const spelling = new RegExp(`(?<![\\w-])${word}(?![\\w-])`, word.startsWith('X-') ? 'i' : '');
    const elsewhere = SOURCES.filter((file) => spelling.test(codeOf(file)) && !file.startsWith('src/ocm/'));
    expect(elsewhere).toEqual(spelledElsewhere[word] ?? []);
  });

  it('name every forwarded call downwards: no forwardRef', () => {
    expect(SOURCES.filter((file) => codeOf(file).includes('forwardRef'))).toEqual([]);
  });
});

describe('every capability', () => {
  it.each(rooms().filter((room) => existsSync(path.join(ROOT, 'src', room, `${room}.module.ts`))))(
    '%s says in at most 40 lines what it owns',
    (room) => {
      const readme = path.join('src', room, 'README.md');
      expect(existsSync(path.join(ROOT, readme)), `${readme} is missing`).toBe(true);
      expect(linesOf(readme)).toBeLessThanOrEqual(40);
    },
  );
});

describe('the package', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, unknown>;

  it('shows nothing but its one face, and the kit for tests', () => {
    expect(manifest.exports).toEqual({
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './testing': { types: './dist/testing/index.d.ts', default: './dist/testing/index.js' },
      './package.json': './package.json',
    });
    expect([manifest.main, manifest.types]).toEqual(['./dist/index.js', './dist/index.d.ts']);
  });

  it('runs every measurement by one script', () => {
    const scripts = Object.values(manifest.scripts as Record<string, string>);
    // What lies in a folder below belongs to the measurement of that name.
    const measurements = filesIn('bench', '.mjs').map((file) => file.replace(/^(bench\/[^/]+)\/.*$/, '$1.mjs'));
    expect(measurements.filter((file) => !scripts.includes(`node ${file}`))).toEqual([]);
  });

  it('names every dependency in exactly one version', () => {
    const { dependencies, devDependencies } = manifest as Record<string, Record<string, string>>;
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, version]) => !/^\d/.test(version));
    expect(loose).toEqual([]);
  });

  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, LockedPackage> };

  it('is locked without naming a registry, so that it installs from any', () => {
    expect(Object.keys(packages).length).toBeGreaterThan(100);
    expect(Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });

  it('is locked by digest: every package has an integrity', () => {
    const loose = Object.entries(packages).filter(([name, { integrity }]) => name !== '' && !integrity);
    expect(loose.map(([name]) => name)).toEqual([]);
  });

  /** npm leaves out what the registry did not have when it wrote the lock file, and then refuses to install from it. */
  it('is locked as a whole: the optional packages of every platform are there', () => {
    const missing = Object.entries(packages).flatMap(([parent, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !placesFor(name, parent).some((place) => packages[place])),
    );
    expect(missing).toEqual([]);
  });
});

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Where Node looks for a dependency of a package, from the inside out. */
function placesFor(name: string, parent: string): string[] {
  const steps = parent.split('/node_modules/');
  return [
    `node_modules/${name}`,
    ...steps.map((_, depth) => `${steps.slice(0, depth + 1).join('/node_modules/')}/node_modules/${name}`),
  ];
}
