import { isUtf8 } from 'node:buffer';
import { ValidationFailed } from '../../kernel/federation-error.js';

const MAX_DEPTH = 32;
const MAX_KEYS = 1000;

/**
 * A JSON text, read strictly: what two readers could understand differently, or a database could not hold, is refused.
 * @throws ValidationFailed about `body`: `INVALID_UTF8` (also a byte order mark), `INVALID_JSON`, `DUPLICATE_KEY` (after
 * unescaping), `FORBIDDEN_KEY` (`__proto__`), `TOO_DEEP` (more than 32 levels), `TOO_MANY_KEYS` (more than 1,000 in all),
 * `INVALID_STRING` (NUL or a lone surrogate), `INVALID_NUMBER` (too large for a double).
 */
export function readStrictJson(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes) || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)) throw refused('INVALID_UTF8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (text.includes('\0')) throw refused('INVALID_STRING');
  new Inspection(text).run();
  return parse(text);
}

/**
 * One pass over the text before it is parsed, without recursion: depth, keys, strings and numbers. It takes the
 * structure for granted; where that is wrong, `JSON.parse` says so afterwards.
 */
class Inspection {
  /** The keys of each open object; undefined for an open array. */
  readonly #open: (Set<string> | undefined)[] = [];
  #keys = 0;
  #expectsKey = false;

  constructor(readonly text: string) {}

  run(): void {
    for (let at = 0; at < this.text.length; at++) {
      const unit = this.text.charCodeAt(at);
      if (unit === 0x22) at = this.#passString(at);
      else if (unit === 0x2d || isDigit(unit)) at = this.#passNumber(at);
      else if (unit === 0x7b) this.#enter(new Set());
      else if (unit === 0x5b) this.#enter(undefined);
      else if (unit === 0x7d || unit === 0x5d) this.#open.pop();
      else if (unit === 0x2c) this.#expectsKey = this.#open.at(-1) !== undefined;
    }
  }

  #enter(keys: Set<string> | undefined): void {
    if (this.#open.length === MAX_DEPTH) throw refused('TOO_DEEP');
    this.#open.push(keys);
    this.#expectsKey = keys !== undefined;
  }

  /** @returns where the closing quote stands. */
  #passString(start: number): number {
    let escaped = false;
    let end = start + 1;
    for (let unit = this.text.charCodeAt(end); unit !== 0x22; unit = this.text.charCodeAt(++end)) {
      if (end >= this.text.length) throw refused('INVALID_JSON');
      if (unit === 0x5c) {
        escaped = true;
        end++;
      }
    }
    const string = escaped ? unescaped(this.text.slice(start, end + 1)) : undefined;
    if (this.#expectsKey) this.#addKey(string ?? this.text.slice(start + 1, end));
    this.#expectsKey = false;
    return end;
  }

  #addKey(key: string): void {
    if (++this.#keys > MAX_KEYS) throw refused('TOO_MANY_KEYS');
    if (key === '__proto__') throw refused('FORBIDDEN_KEY');
    const keys = this.#open.at(-1);
    if (keys?.has(key)) throw refused('DUPLICATE_KEY');
    keys?.add(key);
  }

  /** `1e999` would become Infinity, which JSON cannot say. @returns where the last character of the number stands. */
  #passNumber(start: number): number {
    let end = start + 1;
    while (isInNumber(this.text.charCodeAt(end))) end++;
    if (Math.abs(Number(this.text.slice(start, end))) === Number.POSITIVE_INFINITY) throw refused('INVALID_NUMBER');
    return end - 1;
  }
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

/** Digits, `.`, `+`, `-`, `e`, `E`. */
function isInNumber(unit: number): boolean {
  return isDigit(unit) || unit === 0x2e || unit === 0x2b || unit === 0x2d || unit === 0x65 || unit === 0x45;
}

function unescaped(literal: string): string {
  const string = String(parse(literal));
  if (/[\0\p{Cs}]/u.test(string)) throw refused('INVALID_STRING');
  return string;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refused('INVALID_JSON');
  }
}

function refused(message: string): ValidationFailed {
  return ValidationFailed.of('body', message);
}
