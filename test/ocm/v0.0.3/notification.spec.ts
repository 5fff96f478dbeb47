import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/ocm/canonical-json.js';
import { dialectNamed } from '../../../src/ocm/dialects.js';
import { isNotificationType, NOTIFICATION_TYPES } from '../../../src/ocm/notification.js';
import { payload, refusedFields } from '../support.js';

const decode = (body: unknown) => dialectNamed('v0.0.3').decodeNotification(body);
const removed = (changes: JsonObject = {}) => payload('notification-share-removed', changes);
const changed = (changes: JsonObject = {}) => payload('notification-permission-changed', changes);

describe('a notification', () => {
  it('may consist of a type and a text, and then names no share', () => {
    const notification = decode(removed());
    expect(notification.type).toBe('SHARE_REMOVED');
    expect(notification.message).toBe('project ended');
    expect(notification.namesShare).toBe(false);
  });

  it('may change the permission of a share', () => {
    const notification = decode(changed());
    expect(notification.shareId).toBe('5a251569506eb81f477a67dd');
    expect(notification.providerId).toBe('cec0c932ce01');
    expect(notification.recipient).toMatchObject({ kind: 'address', address: { user: 'user', domain: 'cloud2.de' } });
    expect(notification.permission).toBe('admin');
    expect(notification.sequence).toBe(7);
    expect(notification.namesShare).toBe(true);
  });

  it('tells an expiration that is lifted from one that it does not speak of', () => {
    expect(decode(payload('notification-share-updated')).expiresAt).toBeNull();
    expect(decode(removed()).expiresAt).toBeUndefined();
    expect(decode(removed({ expiration: 60 })).expiresAt).toEqual(new Date(60_000));
  });

  it.each(['SOMETHING_ELSE', 'org.example:thing-happened', 'x'.repeat(255)])(
    'may be of a type of the sender’s own: %s',
    (type) => {
      expect(decode({ type }).type).toBe(type);
      expect(isNotificationType(type)).toBe(false);
    },
  );

  it('is known by six types', () => {
    expect(NOTIFICATION_TYPES).toHaveLength(6);
    expect(isNotificationType('SHARE_UNSHARED')).toBe(true);
    expect(isNotificationType('toString')).toBe(false);
  });

  it.each([
    ['type', undefined, 'REQUIRED'],
    ['type', null, 'REQUIRED'],
    ['type', '', 'INVALID'],
    ['type', 5, 'INVALID'],
    ['type', 'SHARE REMOVED', 'INVALID'],
    ['type', 'SHARE_REMOVED\n', 'INVALID'],
    ['type', 'X'.repeat(256), 'TOO_LONG'],
    ['message', 'x'.repeat(1001), 'TOO_LONG'],
    ['message', 'a\u0000', 'INVALID'],
    ['message', {}, 'INVALID'],
    ['shareId', 5, 'INVALID'],
    ['shareId', 'x'.repeat(256), 'TOO_LONG'],
    ['providerId', [], 'INVALID'],
    ['shareWith', 'bob@', 'INVALID'],
    ['permission', 'owner', 'NOT_SUPPORTED'],
    ['permission', 31, 'INVALID'],
    ['name', 'a\u202eb', 'INVALID'],
    ['description', 'x'.repeat(2049), 'TOO_LONG'],
    ['expiration', '60', 'INVALID'],
    ['expiration', 0, 'INVALID'],
    ['sequence', 0, 'INVALID'],
    ['sequence', 1.5, 'INVALID'],
    ['sequence', '1', 'INVALID'],
    ['sequence', 2 ** 53, 'INVALID'],
  ])('is refused with %s %j', (name, value, message) => {
    expect(refusedFields(() => decode(removed({ [name]: value })))).toEqual([`${name}: ${message}`]);
  });

  it.each([
    ['message', '😀'.repeat(1000)],
    ['message', 'two\nlines'],
    ['sequence', Number.MAX_SAFE_INTEGER],
    ['shareWith', 'bob'],
    ['name', null],
  ])('is taken with %s', (name, value) => {
    expect(decode(removed({ [name]: value })).type).toBe('SHARE_REMOVED');
  });

  it('must say the new permission of the share whose permission changed', () => {
    expect(refusedFields(() => decode(changed({ permission: undefined })))).toEqual(['permission: REQUIRED']);
    expect(decode({ type: 'SHARE_PERMISSION_CHANGED' }).permission).toBeUndefined();
  });

  it('is refused as a whole if it is no object', () => {
    expect(refusedFields(() => decode([]))).toEqual(['body: INVALID']);
  });
});
