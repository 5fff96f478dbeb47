import { describe, expect, it } from 'vitest';
import { dialectOfFlavour } from '../../../src/ocm/dialects.js';
import { pageHeaders, pageOf } from '../../../src/ocm/http/ocm-page.pipe.js';
import { NotificationMessage } from '../../../src/ocm/notification.js';
import type { DescribedShare } from '../../../src/ocm/receipt.js';
import { notificationList, notificationResource, shareList, shareResource } from '../../../src/ocm/v0.0.3/resources.js';

const share: DescribedShare = {
  id: '91c2',
  createdAt: new Date('2018-01-31T09:20:00Z'),
  state: 'pending',
  shareId: 's1',
  providerId: 'fold-7f31',
  owner: 'alice@cloud1.de',
  recipient: 'bob',
  name: 'Field notes',
  permission: 'read_write',
  expiresAt: new Date('2030-12-31T00:00:00Z'),
  protocols: ['pf_classic', 'webdav'],
  flavour: 'powerfolder',
  href: '/ocm/shares/91c2',
};

describe('a share as we answer it', () => {
  it('has our id, its state and no secrets', () => {
    expect(JSON.parse(JSON.stringify(dialectOfFlavour('powerfolder').describeShare(share)))).toEqual({
      id: '91c2',
      createdAt: '2018-01-31T09:20:00.000Z',
      state: 'pending',
      shareId: 's1',
      owner: 'alice@cloud1.de',
      shareWith: 'bob',
      permission: 'read_write',
      name: 'Field notes',
      providerId: 'fold-7f31',
      expiration: 1924905600,
      protocol: [
        { name: 'pf_classic', options: {} },
        { name: 'webdav', options: {} },
      ],
      _links: { self: { href: '/ocm/shares/91c2' } },
    });
  });

  it('has one protocol as an object for whoever wrote plain 0.0.3', () => {
    const answered = shareResource({ ...share, shareId: undefined, protocols: ['webdav'], flavour: 'plain' });
    expect(answered.protocol).toEqual({ name: 'webdav', options: {} });
    expect(JSON.parse(JSON.stringify(answered))).not.toHaveProperty('shareId');
  });
});

describe('a list', () => {
  it('links to the next page until the last', () => {
    const list = shareList([shareResource(share)], pageOf(2, 120), '/shares');
    expect(list._embedded.shares).toHaveLength(1);
    expect(list._links).toEqual({ self: { href: '/shares?page=2' }, next: { href: '/shares?page=3' } });
    expect(shareList([], pageOf(3, 120), '/shares')._links.next).toBeUndefined();
    expect(shareList([], pageOf(2, 100), '/shares')._links.next).toBeUndefined();
    expect(shareList([], pageOf(1, 0), '/shares')._links).toEqual({ self: { href: '/shares?page=1' } });
  });

  it('says its size in headers', () => {
    expect(pageHeaders(pageOf(2, 120))).toEqual({ 'x-page': '2', 'x-per-page': '50', 'x-total': '120' });
  });

  it('may be of notifications', () => {
    const message = new NotificationMessage({ type: 'SHARE_UPDATED', shareId: 's1', expiresAt: null });
    const held = notificationResource({
      id: '44',
      createdAt: new Date('2018-02-01T08:00:00Z'),
      message,
      href: '/notifications/44',
    });
    const list = notificationList([held], pageOf(1, 1), '/notifications');
    expect(JSON.parse(JSON.stringify(list._embedded.notifications))).toEqual([
      {
        id: '44',
        createdAt: '2018-02-01T08:00:00.000Z',
        type: 'SHARE_UPDATED',
        shareId: 's1',
        expiration: null,
        _links: { self: { href: '/notifications/44' } },
      },
    ]);
  });
});
