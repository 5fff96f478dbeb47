import { parseDomainName } from '../../kernel/domain-name.js';
import { FederationError, type FieldError } from '../../kernel/federation-error.js';
import { isJsonObject } from '../canonical-json.js';

const NOT_ALLOWED = 'PROTOCOL_URI_NOT_ALLOWED';

/** An offer points its recipient, and the credential with it, at a host that is not the offering cloud. */
export class ProtocolUriNotAllowed extends FederationError {
  constructor(fields: readonly FieldError[]) {
    super('invalid', NOT_ALLOWED, { fields });
  }
}

/** Option names whose values are uris, whatever they look like: `uri`, `srcUri`, `uriTemplate`, `server_url`, `href` … */
const URI_KEY = /(?:ur[il]s?|href|endpoint)(?:[_-]?template)?$/i;
/** Credentials in standard base64 may begin with two slashes. */
const CREDENTIAL_KEY = /(?:token|secret|password)$/i;
const HAS_AUTHORITY = /^\s*[a-z][a-z0-9+.-]*:[/\\]{2}/i;
/** What browsers complete to a web address elsewhere: `https:evil.example`, `//evil.example`. */
const WOULD_BE_COMPLETED = /^\s*(?:https?:|[/\\]{2})/i;

/** Every uri in the options, however deep, that leads away from the peer's host or is not https. `path`: the wire path. */
export function strayUris(value: unknown, peerHost: string, path: string, key = ''): FieldError[] {
  if (Array.isArray(value)) return value.flatMap((entry, at) => strayUris(entry, peerHost, `${path}[${at}]`, key));
  if (isJsonObject(value)) {
    return Object.entries(value).flatMap(([name, entry]) => strayUris(entry, peerHost, `${path}.${name}`, name));
  }
  if (value === null || !isUri(key, value)) return [];
  const stays = typeof value === 'string' && staysAt(value, peerHost);
  return stays ? [] : [{ name: path.slice(0, 200), message: NOT_ALLOWED }];
}

function isUri(key: string, value: unknown): boolean {
  if (URI_KEY.test(key)) return true;
  if (typeof value !== 'string') return false;
  return HAS_AUTHORITY.test(value) || (!CREDENTIAL_KEY.test(key) && WOULD_BE_COMPLETED.test(value));
}

/**
 * Whether every reader of the text ends up at the host: https there on any port, or a path without scheme and authority.
 * Judged on the text itself, because URL parsers differ on back slashes, user parts and characters that look alike.
 */
function staysAt(uri: string, host: string): boolean {
  if (!/^[\x21-\x7e]*$/.test(uri) || uri.includes('\\')) return false;
  const absolute = /^https:\/\/([^/?#@:]+)(?::\d{1,5})?(?:[/?#]|$)/i.exec(uri);
  if (absolute?.[1]) return parseDomainName(absolute[1]) === host;
  return !uri.startsWith('//') && !/^[a-z][a-z0-9+.-]*:/i.test(uri);
}
