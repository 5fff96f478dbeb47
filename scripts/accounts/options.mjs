import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Unusable } from './connection.mjs';

export const USAGE = `npm run accounts -- import FILE --url URL --token-file FILE [--ca FILE]
npm run accounts -- export FILE --url URL --token-file FILE [--ca FILE] [--with-password-hashes]

Moves the accounts of a cloud without a host application as JSON lines. FILE may be - (standard input or output).

  --url URL               the cloud, such as https://cloud1.example
  --token-file FILE       holds a token of the role host; with hashes, of the role operator
  --ca FILE               extra roots for the cloud's web certificate, PEM
  --with-password-hashes  what passwords can be guessed from goes along: keep the file as you keep passwords
  --help

import: one account a line, {"username","displayName","emails"?,"password"? or "passwordHash"?}. Whoever is there already
is changed in what the line gives, whoever is not in the file stays. Interrupted, it is simply run again. Refused lines
are printed on standard output with their numbers. Ends with 0 if every line held, 1 if one was refused, 2 if it could
not go on.`;

/**
 * @param {string[]} args
 * @returns {{ help: true } | { help: false, act: 'import' | 'export', file: string, url: URL, token: string, ca?: string, withPasswordHashes: boolean }}
 * @throws {Unusable} with a sentence for whoever typed them
 */
export function parseOptions(args) {
  const { values, positionals } = parsed(args);
  if (values.help) return { help: true };
  const [act, file, ...rest] = positionals;
  if ((act !== 'import' && act !== 'export') || !file || rest.length > 0) throw new Unusable(USAGE);
  if (act === 'import' && values['with-password-hashes']) throw new Unusable('--with-password-hashes is for export');
  return {
    help: false,
    act,
    file,
    url: parseUrl(values.url),
    token: readText('--token-file', values['token-file']).trim(),
    ca: values.ca === undefined ? undefined : readText('--ca', values.ca),
    withPasswordHashes: values['with-password-hashes'],
  };
}

/** @param {string[]} args */
function parsed(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        'token-file': { type: 'string' },
        ca: { type: 'string' },
        'with-password-hashes': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new Unusable(`${error.message}\n\n${USAGE}`);
  }
}

/** @param {string | undefined} text */
function parseUrl(text) {
  if (text === undefined) throw new Unusable(`--url is missing\n\n${USAGE}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.pathname === '/' && !url.search && !url.username) return url;
  throw new Unusable(`--url is "${text}": it must be https://, a name, and nothing after it but a port`);
}

/**
 * @param {string} option
 * @param {string | undefined} file
 */
function readText(option, file) {
  if (file === undefined) throw new Unusable(`${option} is missing\n\n${USAGE}`);
  try {
    const text = readFileSync(file, 'utf8');
    if (text.trim() !== '') return text;
  } catch (error) {
    throw new Unusable(`${option} ${file}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`);
  }
  throw new Unusable(`${option} ${file} is empty`);
}
