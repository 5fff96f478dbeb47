import type { PipeTransform } from '@nestjs/common';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { RawBody } from './raw-body.js';
import { BodyTooLarge, isEncoded, MediaTypeUnsupported } from './read-json-body.js';

/** Reads an `application/x-www-form-urlencoded` body: each name at most once. */
export class FormBody implements PipeTransform<unknown, ReadonlyMap<string, string>> {
  /** @throws FederationError of kind `unsupported-media`, `too-large` or `invalid`. */
  transform(body: unknown): ReadonlyMap<string, string> {
    if (!(body instanceof RawBody) || !isForm(body.contentType) || isEncoded(body)) throw new MediaTypeUnsupported();
    if (body.tooLarge) throw new BodyTooLarge();
    const form = new Map<string, string>();
    for (const [name, value] of new URLSearchParams(body.bytes.toString('utf8'))) {
      if (form.has(name)) throw ValidationFailed.of(name.slice(0, 100), 'DUPLICATE');
      form.set(name, value);
    }
    return form;
  }
}

function isForm(contentType: string | undefined): boolean {
  return /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(contentType ?? '');
}
