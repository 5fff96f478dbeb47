import { CertificateController } from './certificate.controller.js';
import { ForgetKeys } from './forget-keys.js';
import { NoticeStrangeKey } from './notice-strange-key.js';
import { OwnKeys } from './own-keys.js';
import { PeerKeys } from './peer-keys.js';
import { PresentedKeys } from './presented-keys.js';
import { ReapproveService } from './reapprove-service.js';
import { ReceiveCertificate } from './receive-certificate.js';
import { PresentedKeyRow, RelationshipKeyRow } from './relationship-key.entity.js';
import { SeeKey } from './see-key.js';
import { WatchCaller } from './watch-caller.js';

/** What the trust module has for keys that change: peers' and ours. */
export const KEY_ENTITIES = [RelationshipKeyRow, PresentedKeyRow];
export const KEY_CONTROLLERS = [CertificateController];
export const KEY_ACTS = [
  ForgetKeys,
  PeerKeys,
  OwnKeys,
  PresentedKeys,
  SeeKey,
  NoticeStrangeKey,
  WatchCaller,
  ReceiveCertificate,
  ReapproveService,
];
