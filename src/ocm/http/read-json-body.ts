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
  if (!(body instanceof RawBody) || !isPlainText(body, isJson)) throw new MediaTypeUnsupported();
  if (body.tooLarge) throw new BodyTooLarge();
  return readStrictJson(body.bytes);
}

/** Whether there is nothing to read: no body, or one of no bytes. */
export function isEmptyBody(body: unknown): boolean {
  return body === undefined || body === null || (body instanceof RawBody && !body.tooLarge && body.bytes.length === 0);
}

/** `application/json` or `application/…+json` (RFC 6839). */
function isJson(type: string): boolean {
  return /^application\/(?:[\w!#$&^.-]+\+)?json$/.test(type);
}

/** Whether the body is of the media type, in UTF-8 if it names a charset, and not encoded further. */
export function isPlainText(body: RawBody, isType: (type: string) => boolean): boolean {
  const [type = '', ...parameters] = (body.contentType ?? '').toLowerCase().split(';');
  return isType(type.trim()) && parameters.every(isUtf8) && !isEncoded(body);
}

function isUtf8(parameter: string): boolean {
  const [name = '', ...value] = parameter.split('=').map((part) => part.trim());
  return name !== 'charset' || ['utf-8', 'utf8', '"utf-8"', '"utf8"'].includes(value.join('='));
}

/** Whether its bytes are compressed or the like, which we do not undo. */
export function isEncoded(body: RawBody): boolean {
  return !['', 'identity'].includes((body.contentEncoding ?? '').trim().toLowerCase());
}
