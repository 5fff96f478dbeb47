import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');

/** Files below a folder of the repository, as paths from its root, sorted. */
export function filesIn(folder: string, ending: string): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** The folders of `src/`: each is a room of the house. */
export function rooms(): string[] {
  const files = filesIn('src', '.ts').map((file) => file.split(path.sep));
  return [...new Set(files.filter((steps) => steps.length > 2).map((steps) => steps[1] ?? ''))];
}

export function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

export function linesOf(file: string): number {
  return read(file).trimEnd().split('\n').length;
}

/** A source without its comments. Strings are kept as they are, also where they look like a comment. */
export function codeOf(file: string): string {
  return read(file).replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g,
    (_match, text: string | undefined) => text ?? '',
  );
}
