import type { PipeTransform } from '@nestjs/common';
import {
  BodyTooLarge,
  isPlainText,
  JsonBody,
  MediaTypeUnsupported,
  RawBody,
  spellError,
  ValidationFailed,
} from '../../../index.js';
import { AccountLineDto, type RefusedLineDto } from './account-line.dto.js';

/** One line that is not empty: what it says, or why it says nothing. */
export type ReadLine = { readonly line: number; readonly account: AccountLineDto } | RefusedLineDto;

/** As many accounts as one transaction should hold. */
const MOST_LINES = 1_000;
const LINE_FEED = 0x0a;

const isNdjson = (type: string) => type === 'application/x-ndjson';

/**
 * Reads a body of JSON lines (`application/x-ndjson`), each as strictly as any other JSON here. One that cannot be read
 * does not keep the others out.
 */
export class AccountLines implements PipeTransform<unknown, ReadLine[]> {
  private readonly reader = JsonBody.of(AccountLineDto);

  /** @throws MediaTypeUnsupported, BodyTooLarge, ValidationFailed `body`/`TOO_MANY_LINES` */
  transform(body: unknown): ReadLine[] {
    if (!(body instanceof RawBody) || !isPlainText(body, isNdjson)) throw new MediaTypeUnsupported();
    if (body.tooLarge) throw new BodyTooLarge();
    const lines = [...linesOf(body.bytes)];
    if (lines.length > MOST_LINES) throw ValidationFailed.of('body', 'TOO_MANY_LINES');
    return lines.map(({ line, bytes }) => this.read(line, bytes));
  }

  private read(line: number, bytes: Buffer): ReadLine {
    try {
      const account = this.reader.transform(new RawBody(bytes, false, 'application/json', undefined));
      if (account.password !== undefined && account.passwordHash !== undefined) {
        throw ValidationFailed.of('passwordHash', 'CONFLICT');
      }
      return { line, account };
    } catch (error) {
      return refusedLine(line, error);
    }
  }
}

/** @throws whatever is no refusal of ours */
export function refusedLine(line: number, error: unknown): RefusedLineDto {
  if (!(error instanceof ValidationFailed)) throw error;
  return { line, ...spellError(error).body };
}

function* linesOf(bytes: Buffer): Generator<{ line: number; bytes: Buffer }> {
  for (let line = 1, from = 0; from < bytes.length; line++) {
    const feed = bytes.indexOf(LINE_FEED, from);
    const end = feed < 0 ? bytes.length : feed;
    const text = bytes.subarray(from, end);
    if (text.some((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0d)) yield { line, bytes: text };
    from = end + 1;
  }
}
