import type { IncomingHttpHeaders } from 'node:http';

/** A request to a peer. The host is the endpoint's; a path outside it cannot be named. */
export interface PeerRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Absolute path and query, already percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined: no body. */
  readonly body?: unknown;
  /** Ends the call early. */
  readonly signal?: AbortSignal;
  /** Milliseconds; default: the setting. */
  readonly deadlineMs?: number;
}

/** What a peer answered, whatever its status: 3xx is an answer like any other and is not followed. */
export interface PeerAnswer {
  readonly status: number;
  /** Names in lower case; repeated fields are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON value, if the media type is JSON and the text is; otherwise undefined. Unchecked: it is the peer's word. */
  readonly body: unknown;
  /** Size of the body in bytes. */
  readonly bodyBytes: number;
  /** The key that the server proved to hold on the connection which carried this answer (see `spkiPin`). */
  readonly serverPin: string;
  /** Until when the certificate that it showed there holds. */
  readonly serverValidUntil: Date;
  /** Seconds that the peer asks us to wait (RFC 9110 section 10.2.3), not capped. */
  readonly retryAfterSeconds?: number;
}

const JSON_TYPE = /^application\/(?:[a-z0-9.!#$&^_+-]+\+)?json\s*(?:;|$)/i;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Deeper values are read without trouble and then break whoever writes them out again. */
const MAX_DEPTH = 64;

export function plainHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]));
}

/** @param bytes the whole body. */
export function readJson(contentType: string | undefined, bytes: Uint8Array): unknown {
  if (!contentType || !JSON_TYPE.test(contentType)) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return depthOf(text) > MAX_DEPTH ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @returns seconds from `now`, never negative; undefined if the value is neither a number of seconds nor an HTTP date. */
export function retryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  if (!HTTP_DATE.test(value)) return undefined;
  const seconds = Math.ceil((Date.parse(value) - now.getTime()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

/** How deep the brackets of a JSON text nest; strings do not count. One pass, whatever the text. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quoted && char === '\\') at++;
    else if (char === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (char === '[' || char === '{') deepest = Math.max(deepest, ++depth);
    else if (char === ']' || char === '}') depth--;
  }
  return deepest;
}
