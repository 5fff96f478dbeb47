import { CancelRotation } from './cancel-rotation.js';
import { CertificateController } from './certificate.controller.js';
import { DeliverCertificate } from './deliver-certificate.js';
import { DescribeRotation } from './describe-rotation.js';
import { ForgetKeys } from './forget-keys.js';
import { NoticeStrangeKey } from './notice-strange-key.js';
import { OwnCertificateController } from './own-certificate.controller.js';
import { OwnKeys } from './own-keys.js';
import { OwnRotationPeerRow, OwnRotationRow } from './own-rotation.entity.js';
import { PeerKeys } from './peer-keys.js';
import { PresentedKeys } from './presented-keys.js';
import { ReapproveService } from './reapprove-service.js';
import { ReceiveCertificate } from './receive-certificate.js';
import { PresentedKeyRow, RelationshipKeyRow } from './relationship-key.entity.js';
import { RenewCertificate } from './renew-certificate.js';
import { RotationPeers } from './rotation-peers.js';
import { SeeKey } from './see-key.js';
import { StartRotation } from './start-rotation.js';
import { SwitchIdentity } from './switch-identity.js';
import { WatchCaller } from './watch-caller.js';
import { WatchIdentity } from './watch-identity.js';

/** What the trust module has for keys that change: peers' and ours. */
export const KEY_ENTITIES = [RelationshipKeyRow, PresentedKeyRow, OwnRotationRow, OwnRotationPeerRow];
export const KEY_CONTROLLERS = [CertificateController, OwnCertificateController];
const OF_PEERS = [PeerKeys, PresentedKeys, SeeKey, NoticeStrangeKey, WatchCaller, ReceiveCertificate, ReapproveService];
const OF_OURS = [OwnKeys, RotationPeers, StartRotation, CancelRotation, DescribeRotation, DeliverCertificate];
export const KEY_ACTS = [...OF_PEERS, ...OF_OURS, SwitchIdentity, RenewCertificate, WatchIdentity, ForgetKeys];
