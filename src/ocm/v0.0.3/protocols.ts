import { FederationError, type FieldError, ValidationFailed } from '../../kernel/federation-error.js';
import type { JsonObject } from '../canonical-json.js';
import { isProtocolName, OfferedProtocol, type ProtocolName } from '../offered-protocol.js';
import { isPermission, type Permission } from '../permission.js';
import { isOneLine } from '../validation/text-rules.js';
import { permissionOfMask } from './permission-mask.js';
import { ProtocolUriNotAllowed, strayUris } from './protocol-uri.js';
import type { ProtocolDto } from './share.dto.js';

/** None of the offered protocols is one of ours. */
class ProtocolNotSupported extends FederationError {
  constructor() {
    super('not-offered', 'PROTOCOL_NOT_SUPPORTED');
  }
}

interface KnownEntry {
  readonly name: ProtocolName;
  readonly options: JsonObject;
  /** Where the options stand in the body: `protocol[0].options`. */
  readonly path: string;
}

export interface ReadProtocols {
  readonly protocols: OfferedProtocol[];
  readonly permission: Permission;
}

/**
 * The protocols we know, and the permission on which the word and all masks agree; without either it is the least one.
 * @throws ProtocolNotSupported, ValidationFailed, ProtocolUriNotAllowed
 */
export function readProtocols(offered: ProtocolDto | ProtocolDto[], word: unknown, peerHost: string): ReadProtocols {
  const known = knownEntries(offered);
  if (known.length === 0) throw new ProtocolNotSupported();
  const fields = known.flatMap(optionErrors);
  if (fields.length > 0) throw new ValidationFailed(fields);
  const permission = agreedPermission(known, word);
  const stray = known.flatMap(({ options, path }) => strayUris(options, peerHost, path));
  if (stray.length > 0) throw new ProtocolUriNotAllowed(stray.slice(0, 20));
  return { permission, protocols: known.map(({ name, options }) => new OfferedProtocol(name, options)) };
}

function knownEntries(offered: ProtocolDto | ProtocolDto[]): KnownEntry[] {
  const listed = Array.isArray(offered)
    ? offered.map((entry, at) => ({ ...entry, path: `protocol[${at}].options` }))
    : [{ ...offered, path: 'protocol.options' }];
  return listed.flatMap(({ name, options, path }) => (isProtocolName(name) ? [{ name, options, path }] : []));
}

function optionErrors({ name, options, path }: KnownEntry): FieldError[] {
  const token = tokenError(options.access_token, name === 'pf_classic');
  const mask = isPresent(options.permissions) && !permissionOfMask(options.permissions);
  return [
    ...(token ? [{ name: `${path}.access_token`, message: token }] : []),
    ...(mask ? [{ name: `${path}.permissions`, message: 'INVALID' }] : []),
  ];
}

function tokenError(token: unknown, required: boolean): string | undefined {
  if (!isPresent(token)) return required ? 'REQUIRED' : undefined;
  return typeof token === 'string' && isOneLine(token) ? undefined : 'INVALID';
}

function agreedPermission(known: readonly KnownEntry[], word: unknown): Permission {
  const said = [word, ...known.map(({ options }) => permissionOfMask(options.permissions))].filter(isPermission);
  if (new Set(said).size > 1) throw ValidationFailed.of('permission', 'CONFLICT');
  return said[0] ?? 'read';
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}
