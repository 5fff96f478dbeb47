import { FederationError } from '../../kernel/federation-error.js';
import { RawBody } from './raw-body.js';
import { readStrictJson } from './strict-json.js';

/** The body is not JSON in UTF-8, or is encoded in a way that we do not undo. */
export class MediaTypeUnsupported extends FederationError {
  constructor() {
    super('unsupported-media', 'UNSUPPORTED_MEDIA_TYPE');
  }
}

export class BodyTooLarge extends FederationError {
  constructor() {
    super('too-large', 'PAYLOAD_TOO_LARGE');
  }
}

/**
 * The JSON of a request's body, judged in this order: media type, size, content. A request without any body has none.
 * @throws MediaTypeUnsupported, BodyTooLarge, ValidationFailed
 */
export function readJsonBody(body: unknown): unknown {
  if (!(body instanceof RawBody) || !isJson(body.contentType) || isEncoded(body)) throw new MediaTypeUnsupported();
  if (body.tooLarge) throw new BodyTooLarge();
  return readStrictJson(body.bytes);
}

/** Whether there is nothing to read: no body, or one of no bytes. */
export function isEmptyBody(body: unknown): boolean {
  return body === undefined || body === null || (body instanceof RawBody && !body.tooLarge && body.bytes.length === 0);
}

/** `application/json` or `application/…+json` (RFC 6839); a charset, if named, must be UTF-8. */
function isJson(contentType: string | undefined): boolean {
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  if (!/^application\/(?:[\w!#$&^.-]+\+)?json$/.test(type.trim())) return false;
  return parameters.every((parameter) => !/^\s*charset\s*=/.test(parameter) || /=\s*"?utf-?8"?\s*$/.test(parameter));
}

/** Whether its bytes are compressed or the like, which we do not undo. */
export function isEncoded(body: RawBody): boolean {
  return body.contentEncoding !== undefined && !/^\s*(?:identity)?\s*$/i.test(body.contentEncoding);
}
