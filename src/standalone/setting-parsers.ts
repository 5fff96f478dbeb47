import path from 'node:path';
import { FederatedAddress, Origin, OutboundProxy, Secret } from '../index.js';
import { Unsuitable } from './setting.js';

export function origin(text: string): Origin {
  const parsed = Origin.tryParse(text);
  if (!parsed)
    throw new Unsuitable('must be https://, a DNS name in A-label form, an optional port, and nothing after it');
  return parsed;
}

export function domains(text: string): string[] {
  const names = list(text).map((name) => FederatedAddress.tryParse(`x@${name}`)?.domain);
  const known = names.filter((name) => name !== undefined);
  if (known.length === 0 || known.length < names.length || new Set(known).size < known.length) {
    throw new Unsuitable('must be a comma list of different DNS names in A-label form');
  }
  return known;
}

/** One line of at most so many bytes. */
export function line(maxBytes: number): (text: string) => string {
  return (text) => {
    if (Buffer.byteLength(text) <= maxBytes && /^[^\p{Cc}\p{Cs}\u2028\u2029]+$/u.test(text)) return text;
    throw new Unsuitable(`must be one line of at most ${maxBytes} bytes`);
  };
}

export function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text);
  throw new Unsuitable('must be a port from 1 to 65535');
}

export function listenHost(text: string): string {
  if (isIpv4(text) || isIpv6(text) || FederatedAddress.tryParse(`x@${text}`)) return text;
  throw new Unsuitable('must be an IP address or a host name of this machine');
}

export function postgresUrl(text: string): string {
  // A server on a unix socket is named in the query (?host=/folder), which a URL's parser takes only beside a host.
  const parsed = /^postgres(?:ql)?:\/\//.test(text) ? tryUrl(text.replace(/@\//, '@localhost/')) : undefined;
  if (parsed && parsed.pathname.length > 1) return text;
  throw new Unsuitable('must be postgres://user:password@host:port/database');
}

export function file(text: string): string {
  return path.resolve(text);
}

export function networks(text: string): string[] {
  const blocks = list(text);
  if (blocks.every(isNetwork)) return blocks;
  throw new Unsuitable('must be a comma list of networks, such as 127.0.0.0/8,::1/128');
}

/** May hold a password. */
export function proxyUrl(text: string): Secret {
  const url = new Secret(text);
  try {
    OutboundProxy.parse(url);
  } catch {
    throw new Unsuitable(OutboundProxy.EXPECTED);
  }
  return url;
}

export function oneOf<const T extends string>(...words: readonly T[]): (text: string) => T {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    throw new Unsuitable(`must be ${words.length > 2 ? 'one of ' : ''}${words.join(words.length > 2 ? ', ' : ' or ')}`);
  };
}

/** Bytes of a unix socket's path that every system takes; Linux would take three more. */
const SOCKET_PATH_MAX = 104;

export function unixSocket(text: string): string {
  const path = file(text);
  if (Buffer.byteLength(path) <= SOCKET_PATH_MAX) return path;
  throw new Unsuitable(`must be a path of at most ${SOCKET_PATH_MAX} bytes`);
}

export function proxySource(text: string): 'unix' | string[] {
  const blocks = list(text);
  if (text === 'unix') return text;
  if (blocks.every(isNetwork)) return blocks;
  throw new Unsuitable('must be unix, or a comma list of networks, such as 127.0.0.1/32');
}

const eitherWord = oneOf('true', 'false');

export function flag(text: string): boolean {
  return eitherWord(text) === 'true';
}

export const TOKEN_MIN_CHARACTERS = 32;

/** A bearer token (RFC 6750 section 2.1 allows these characters only). */
export function token(text: string): Secret {
  if (text.length >= TOKEN_MIN_CHARACTERS && /^[\w.~+/-]+=*$/.test(text)) return new Secret(text);
  throw new Unsuitable(`must have at least ${TOKEN_MIN_CHARACTERS} characters: letters, digits and -._~+/`);
}

function list(text: string): string[] {
  return text.split(',').map((entry) => entry.trim());
}

function isNetwork(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(length)) return false;
  return isIpv4(address) ? Number(length) <= 32 : isIpv6(address) && Number(length) <= 128;
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  return /^[\da-f:.]+$/i.test(text) && tryUrl(`http://[${text}]/`) !== undefined;
}

function tryUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
