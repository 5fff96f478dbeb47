import { inspect } from 'node:util';
import { Secret } from '../kernel/secret.js';
import { canonicalJson, isJsonObject, type JsonObject } from './canonical-json.js';

/** The ways to reach a shared resource that we understand. */
export const PROTOCOL_NAMES = ['pf_classic', 'webdav'] as const;
export type ProtocolName = (typeof PROTOCOL_NAMES)[number];

export function isProtocolName(name: unknown): name is ProtocolName {
  return PROTOCOL_NAMES.some((known) => known === name);
}

/** A protocol with its options laid open: for the host's eyes, the wire and the seal, never for a log. */
export interface RevealedProtocol {
  readonly name: ProtocolName;
  readonly options: JsonObject;
}

/** One way to reach the resource, with the credential for it. Printing it shows the name alone. */
export class OfferedProtocol {
  readonly #options: Secret;

  /** `options`: a JSON object, copied. */
  constructor(
    readonly name: ProtocolName,
    options: JsonObject,
  ) {
    this.#options = new Secret(canonicalJson(options));
  }

  /** PowerFolder's own synchronisation: the token logs the recipient in at the cloud that owns the share. */
  static pfClassic(token: Secret): OfferedProtocol {
    return new OfferedProtocol('pf_classic', { access_token: token.reveal() });
  }

  /** As plain OCM 0.0.3 has it: where the resource is, the recipient's cloud knows from the peer. */
  static plainWebdav(token: Secret): OfferedProtocol {
    return new OfferedProtocol('webdav', { access_token: token.reveal() });
  }

  static webdav(uri: string, token: Secret): OfferedProtocol {
    return new OfferedProtocol('webdav', { access_token: token.reveal(), uri });
  }

  reveal(): RevealedProtocol {
    return { name: this.name, options: JSON.parse(this.#options.reveal()) };
  }

  /** The credential, where the protocol carries one. */
  accessToken(): Secret | undefined {
    const token = this.reveal().options.access_token;
    return typeof token === 'string' ? new Secret(token) : undefined;
  }

  toJSON(): { name: ProtocolName } {
    return { name: this.name };
  }

  [inspect.custom](): string {
    return `OfferedProtocol(${this.name}, [secret])`;
  }
}

/** All protocols of a share as one secret text, to be sealed at rest. */
export function packProtocols(protocols: readonly OfferedProtocol[]): Secret {
  return new Secret(JSON.stringify(protocols.map((protocol) => protocol.reveal())));
}

/** @throws TypeError if the text does not come from `packProtocols`. */
export function unpackProtocols(packed: Secret): OfferedProtocol[] {
  const list: unknown = JSON.parse(packed.reveal());
  if (!Array.isArray(list)) throw new TypeError('not packed protocols');
  return list.map(unpack);
}

function unpack(entry: unknown): OfferedProtocol {
  if (!isJsonObject(entry) || !isProtocolName(entry.name) || !isJsonObject(entry.options)) {
    throw new TypeError('not a packed protocol');
  }
  return new OfferedProtocol(entry.name, entry.options);
}
