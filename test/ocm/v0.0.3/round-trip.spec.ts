import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FederatedAddress } from '../../../src/kernel/federated-address.js';
import { FederationError } from '../../../src/kernel/federation-error.js';
import { Secret } from '../../../src/kernel/secret.js';
import { isJsonObject, type JsonObject } from '../../../src/ocm/canonical-json.js';
import { decodeShare, dialectNamed, dialectOfFlavour } from '../../../src/ocm/dialects.js';
import { readStrictJson } from '../../../src/ocm/http/strict-json.js';
import { NotificationMessage } from '../../../src/ocm/notification.js';
import { OfferedProtocol } from '../../../src/ocm/offered-protocol.js';
import { PERMISSIONS } from '../../../src/ocm/permission.js';
import { ShareOffer } from '../../../src/ocm/share-offer.js';
import { payload } from '../support.js';

const context = { peerHost: 'cloud1.de' };
const overTheWire = (body: unknown) => readStrictJson(Buffer.from(JSON.stringify(body)));

const word = fc.stringMatching(/^[A-Za-z0-9ÄÖ _.-]{1,40}$/).filter((text) => text.trim() !== '');
const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,60}$/);
const address = fc.stringMatching(/^[a-z0-9._-]{1,20}$/).map((user) => FederatedAddress.parse(`${user}@cloud2.de`));
const wholeSecond = fc.integer({ min: 1, max: 253_402_300_799 }).map((seconds) => new Date(seconds * 1000));
const protocol = fc.oneof(
  token.map((text) => OfferedProtocol.pfClassic(new Secret(text))),
  token.map((text) => OfferedProtocol.webdav('https://cloud1.de/webdav', new Secret(text))),
);
const offer = fc
  .record({
    shareId: token,
    providerId: word,
    owner: address,
    recipient: fc.oneof(
      address.map((found) => ({ kind: 'address' as const, address: found })),
      token.map((name) => ({ kind: 'local' as const, name })),
    ),
    name: word,
    description: fc.option(word, { nil: undefined }),
    permission: fc.constantFrom(...PERMISSIONS),
    expiresAt: fc.option(wholeSecond, { nil: undefined }),
    protocols: fc.array(protocol, { minLength: 1, maxLength: 8 }),
  })
  .map((fields) => new ShareOffer(fields));

describe('an offer that we send', () => {
  it('is written as the documented sample', () => {
    const written = dialectNamed('v0.0.3-powerfolder').encodeShare(decodeShare(payload('powerfolder-share'), context));
    expect(written).toEqual(payload('powerfolder-share'));
  });

  it('means the same to PowerFolder’s flavour when it arrives', () => {
    fc.assert(
      fc.property(offer, (sent) => {
        const body = overTheWire(dialectNamed('v0.0.3-powerfolder').encodeShare(sent));
        expect(decodeShare(body, context).meaning()).toBe(sent.meaning());
      }),
    );
  });

  it('means the same to plain 0.0.3, but for what that has no room for', () => {
    fc.assert(
      fc.property(offer, (sent) => {
        const received = decodeShare(overTheWire(dialectNamed('v0.0.3').encodeShare(sent)), context);
        expect(received.flavour).toBe('plain');
        expect(received.shareId).toBeUndefined();
        expect(received.permission).toBe(sent.permission);
        expect(received.owner.toString()).toBe(sent.owner.toString());
        expect(received.recipient).toEqual(sent.recipient);
        expect(received.expiresAt).toEqual(sent.expiresAt);
        expect(received.protocols).toHaveLength(1);
      }),
    );
  });

  it('goes to plain 0.0.3 as webdav where that is offered, with the permission as a mask', () => {
    const sent = decodeShare(payload('powerfolder-share-two-protocols'), context);
    expect(dialectNamed('v0.0.3').encodeShare(sent)).toEqual({
      owner: 'alice@cloud1.de',
      shareWith: 'bob@cloud2.de',
      name: 'Field notes',
      description: 'please comment',
      providerId: '2Kq7Vx',
      expiration: 1924905600,
      protocol: {
        name: 'webdav',
        options: { uri: 'https://cloud1.de/webdav/2Kq7Vx', access_token: '1AbC-9zYx', permissions: 1 },
      },
    });
  });
});

describe('the meaning of an offer', () => {
  const meaning = (body: unknown) => decodeShare(body, context).meaning();
  const two = payload('powerfolder-share-two-protocols');

  it('does not depend on the order of keys and protocols, nor on the flavour', () => {
    const protocols = Array.isArray(two.protocol) ? two.protocol : [];
    expect(meaning({ ...two, protocol: protocols.toReversed() })).toBe(meaning(two));
    expect(meaning(Object.fromEntries(Object.entries(two).toReversed()))).toBe(meaning(two));
    expect(meaning(payload('plain-share', { protocol: [payload('plain-share').protocol] }))).toBe(
      meaning(payload('plain-share')),
    );
    expect(meaning({ ...two, protocol: [...protocols, { name: 'webapp', options: {} }] })).toBe(meaning(two));
  });

  it('does not depend on any permutation of what was sent', () => {
    const shuffled = (value: unknown): fc.Arbitrary<unknown> => {
      if (Array.isArray(value))
        return fc.shuffledSubarray(value, { minLength: value.length }).chain((all) => fc.tuple(...all.map(shuffled)));
      if (!isJsonObject(value)) return fc.constant(value);
      const entries = Object.entries(value);
      return fc
        .shuffledSubarray(entries, { minLength: entries.length })
        .chain((all) => fc.tuple(...all.map(([key, entry]) => shuffled(entry).map((inner) => [key, inner] as const))))
        .map((all) => Object.fromEntries(all));
    };
    fc.assert(
      fc.property(shuffled(two), (body) => {
        expect(meaning(body)).toBe(meaning(two));
      }),
    );
  });

  it.each<[string, JsonObject]>([
    ['the share id', { shareId: 'other' }],
    ['the resource', { providerId: 'other' }],
    ['the owner', { owner: 'eve@cloud1.de' }],
    ['the recipient', { shareWith: 'eve@cloud2.de' }],
    ['the name', { name: 'other' }],
    ['the description', { description: undefined }],
    ['the permission', { permission: 'admin' }],
    ['the expiration', { expiration: 1924905601 }],
    ['the token', { protocol: [{ name: 'pf_classic', options: { access_token: 'other' } }] }],
  ])('changes with %s', (_what, changes) => {
    expect(meaning({ ...two, ...changes })).not.toBe(meaning(two));
  });
});

describe('a notification that we send', () => {
  it('arrives as it was', () => {
    const notification = fc.record({
      type: fc.constantFrom('SHARE_UPDATED', 'SHARE_PERMISSION_CHANGED', 'X'),
      message: fc.option(word, { nil: undefined }),
      shareId: fc.option(token, { nil: undefined }),
      providerId: fc.option(token, { nil: undefined }),
      recipient: fc.option(
        address.map((found) => ({ kind: 'address' as const, address: found })),
        { nil: undefined },
      ),
      permission: fc.constantFrom(...PERMISSIONS),
      name: fc.option(word, { nil: undefined }),
      description: fc.option(word, { nil: undefined }),
      expiresAt: fc.oneof(wholeSecond, fc.constant(null), fc.constant(undefined)),
      sequence: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
    });
    fc.assert(
      fc.property(notification, (fields) => {
        const { encodeNotification, decodeNotification } = dialectOfFlavour('powerfolder');
        const sent = new NotificationMessage(fields);
        expect(decodeNotification(overTheWire(encodeNotification(sent)))).toEqual(sent);
      }),
    );
  });
});

describe('whatever a peer sends', () => {
  const KINDS = ['invalid', 'not-offered'];
  const value = fc.oneof(
    { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
    fc.constantFrom('read', 'a@b.c', 31, 'webdav'),
  );
  const protocolEntry = fc.oneof(
    value,
    fc.record({ name: fc.oneof(value, fc.constantFrom('webdav', 'pf_classic', 'x')), options: value }),
  );
  const share = fc.record(
    {
      shareId: value,
      owner: value,
      shareWith: value,
      shareType: value,
      permission: value,
      name: value,
      description: value,
      providerId: value,
      expiration: value,
      constructor: value,
      toString: value,
      protocol: fc.oneof(value, protocolEntry, fc.array(protocolEntry, { maxLength: 9 })),
    },
    { requiredKeys: [] },
  );
  const named = fc.oneof(
    share,
    share.map((changes) => ({ ...payload('powerfolder-share'), ...changes })),
    fc.jsonValue(),
  );

  const refusedWell = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      expect(error).toBeInstanceOf(FederationError);
      expect(KINDS).toContain(error instanceof FederationError && error.kind);
    }
  };

  it('is a share, or refused as what it is', () => {
    fc.assert(
      fc.property(named, (body) => refusedWell(() => decodeShare(body, context).meaning())),
      { numRuns: 3000 },
    );
  });

  it('is a notification, or refused as what it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(named, fc.record({ type: value, message: value, sequence: value }, { requiredKeys: [] })),
        (body) => refusedWell(() => dialectNamed('v0.0.3').decodeNotification(body)),
      ),
      { numRuns: 2000 },
    );
  });
});
