import { validateSync } from 'class-validator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotificationDto } from '../../../src/ocm/v0.0.3/notification.dto.js';
import { PlainShareDto, PowerFolderShareDto, ProtocolDto } from '../../../src/ocm/v0.0.3/share.dto.js';
import { looksValid } from '../../../src/ocm/validation/looks-valid.js';
import { payload } from '../support.js';

const anything = fc.oneof(
  fc.constantFrom(undefined, null, '', 'read', 'owner', 'bob@cloud2.de', 'a b@c', 'é'.repeat(200), 'user', 'group'),
  fc.anything({ maxDepth: 2 }),
);
const protocol = fc.oneof(
  anything,
  fc
    .record({ name: fc.constantFrom('pf_classic', 'webdav', 'smb', 7), options: fc.anything({ maxDepth: 1 }) })
    .map((values) => Object.assign(new ProtocolDto(), values)),
);

/** A good body with up to three properties replaced by anything. */
const changes = (names: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...names), anything, { maxKeys: 3, noNullPrototype: true });

describe('a quick look at a body', () => {
  it.each([
    ['PowerFolder’s share', PowerFolderShareDto, 'powerfolder-share'],
    ['a plain share', PlainShareDto, 'plain-share'],
  ] as const)('finds %s valid exactly if class-validator does', (_, type, name) => {
    const good = payload(name);
    const ours = { ...good, protocol: Object.assign(new ProtocolDto(), [good.protocol].flat()[0]) };
    expect(looksValid(Object.assign(new type(), ours))).toBe(true);
    const isAgreed = (changed: object, protocols: unknown) => {
      const body = Object.assign(new type(), ours, changed, protocols === 'as it is' ? {} : { protocol: protocols });
      expect(looksValid(body)).toBe(validateSync(body).length === 0);
    };
    const protocols = fc.oneof(fc.constant('as it is'), protocol, fc.array(protocol, { maxLength: 9 }));
    fc.assert(
      fc.property(
        changes(Object.keys(new type()).concat(Object.keys(good), 'expiration', 'shareType')),
        protocols,
        isAgreed,
      ),
    );
  });

  it('finds a notification valid exactly if class-validator does', () => {
    const good = { type: 'SHARE_ACCEPTED', shareId: 's' };
    expect(looksValid(Object.assign(new NotificationDto(), good))).toBe(true);
    const names = [
      'type',
      'message',
      'shareId',
      'providerId',
      'shareWith',
      'permission',
      'name',
      'expiration',
      'sequence',
    ];
    const isAgreed = (changed: object) => {
      const body = Object.assign(new NotificationDto(), good, changed);
      expect(looksValid(body)).toBe(validateSync(body).length === 0);
    };
    fc.assert(fc.property(changes(names), isAgreed));
  });
});
