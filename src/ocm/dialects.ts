import { ValidationFailed } from '../kernel/federation-error.js';
import { isJsonObject } from './canonical-json.js';
import type { DecodeContext, Dialect, DialectName } from './dialect.js';
import type { Flavour, ShareOffer } from './share-offer.js';
import { plainDialect, powerFolderDialect } from './v0.0.3/dialect.js';

/** Every spelling we know, the most particular first: the first that recognises a body reads it. */
const DIALECTS: readonly Dialect[] = [powerFolderDialect, plainDialect];

/** How we write to a peer of whom nothing else is known. */
export const DEFAULT_DIALECT: DialectName = 'v0.0.3-powerfolder';

export function dialectNamed(name: DialectName): Dialect {
  return only(DIALECTS.find((dialect) => dialect.name === name));
}

export function dialectOfFlavour(flavour: Flavour): Dialect {
  return only(DIALECTS.find((dialect) => dialect.flavour === flavour));
}

/** @throws FederationError of kind `invalid` or `not-offered`. */
export function decodeShare(body: unknown, context: DecodeContext): ShareOffer {
  if (!isJsonObject(body)) throw ValidationFailed.of('body', 'INVALID');
  return only(DIALECTS.find((dialect) => dialect.recognisesShare(body))).decodeShare(body, context);
}

function only(dialect: Dialect | undefined): Dialect {
  if (!dialect) throw new TypeError('no such dialect');
  return dialect;
}
