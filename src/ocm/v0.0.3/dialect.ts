import type { Dialect } from '../dialect.js';
import { decodePlainShare, decodePowerFolderShare, isPowerFolderShare } from './decode-share.js';
import { encodePlainShare, encodePowerFolderShare } from './encode-share.js';
import { decodeNotification, encodeNotification } from './notification-codec.js';
import { shareResource } from './resources.js';

/** OCM 0.0.3 as PowerFolder extended it: share id, permission, several protocols. */
export const powerFolderDialect: Dialect = {
  name: 'v0.0.3-powerfolder',
  flavour: 'powerfolder',
  recognisesShare: isPowerFolderShare,
  decodeShare: decodePowerFolderShare,
  encodeShare: encodePowerFolderShare,
  describeShare: shareResource,
  decodeNotification,
  encodeNotification,
};

/** OCM 0.0.3 as published on 26 January 2017. Its notifications are extended the same way, or they would be about nothing. */
export const plainDialect: Dialect = {
  name: 'v0.0.3',
  flavour: 'plain',
  recognisesShare: (body) => !isPowerFolderShare(body),
  decodeShare: decodePlainShare,
  encodeShare: encodePlainShare,
  describeShare: shareResource,
  decodeNotification,
  encodeNotification,
};
