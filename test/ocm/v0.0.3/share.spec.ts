import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/ocm/canonical-json.js';
import { decodeShare } from '../../../src/ocm/dialects.js';
import { payload, refusal, refusedFields } from '../support.js';

const context = { peerHost: 'cloud1.de' };
const decode = (body: unknown) => decodeShare(body, context);
const powerFolder = (changes: JsonObject = {}) => payload('powerfolder-share', changes);
const plain = (changes: JsonObject = {}) => payload('plain-share', changes);
const webdav = (options: JsonObject) => plain({ protocol: { name: 'webdav', options } });
const classic = (options: JsonObject = {}) => ({ name: 'pf_classic', options: { access_token: 'token', ...options } });

describe('an offered share', () => {
  it('is read from PowerFolder’s flavour', () => {
    const offer = decode(powerFolder());
    expect(offer.flavour).toBe('powerfolder');
    expect(offer.shareId).toBe('5a251569506eb81f477a67dd');
    expect(offer.providerId).toBe('cec0c932ce01');
    expect(offer.owner.toString()).toBe('user@cloud1.de');
    expect(offer.recipient).toMatchObject({ kind: 'address', address: { user: 'user', domain: 'cloud2.de' } });
    expect(offer.permission).toBe('read_write');
    expect(offer.name).toBe('foo');
    expect(offer.description).toBe('foobar');
    expect(offer.expiresAt).toBeUndefined();
    expect(offer.protocols.map((protocol) => protocol.reveal())).toEqual([
      { name: 'pf_classic', options: { access_token: 'foobar9000' } },
    ]);
    expect(offer.protocols[0]?.accessToken()?.reveal()).toBe('foobar9000');
  });

  it('is read with several protocols and an expiration', () => {
    const offer = decode(payload('powerfolder-share-two-protocols'));
    expect(offer.protocols.map(({ name }) => name)).toEqual(['pf_classic', 'webdav']);
    expect(offer.expiresAt).toEqual(new Date('2030-12-31T00:00:00Z'));
  });

  it('is read from plain 0.0.3', () => {
    const offer = decode(plain());
    expect(offer.flavour).toBe('plain');
    expect(offer.shareId).toBeUndefined();
    expect(offer.permission).toBe('admin');
    expect(offer.protocols.map(({ name }) => name)).toEqual(['webdav']);
  });

  it('takes an owner without a domain for one of the calling cloud, and a recipient without one for a local name', () => {
    const offer = decode(payload('plain-share-opaque-names'));
    expect(offer.owner.toString()).toBe('alice@cloud1.de');
    expect(offer.recipient).toEqual({ kind: 'local', name: 'bob' });
    expect(offer.permission).toBe('read_write');
  });

  it.each([
    ['an array of protocols', plain({ protocol: [classic()] }), 'powerfolder'],
    ['a share id', plain({ shareId: 's1' }), 'powerfolder'],
    ['a permission', plain({ permission: 'admin' }), 'powerfolder'],
    ['none of them', plain({ protocol: classic() }), 'plain'],
  ])('with %s is told to be %3$s', (_what, body, flavour) => {
    expect(decode(body).flavour).toBe(flavour);
  });

  it('is told to be PowerFolder’s with one protocol as an object', () => {
    const offer = decode(powerFolder({ protocol: classic() }));
    expect(offer.protocols.map(({ name }) => name)).toEqual(['pf_classic']);
  });

  it('never prints its secrets', () => {
    const offer = decode(powerFolder());
    const printed =
      inspect(offer, { depth: 10, showHidden: true }) + JSON.stringify(offer) + String(offer.protocols[0]);
    expect(printed).not.toContain('foobar9000');
    expect(printed).toContain('pf_classic');
  });

  it('ignores what it does not know, whatever it is called', () => {
    const body: JsonObject = JSON.parse(
      '{"id":"1","createdAt":"x","state":"accepted","peerId":"p","_links":{},"constructor":{"constructor":1},"toString":1,"then":2,"hasOwnProperty":3}',
    );
    const offer = decode({ ...body, ...powerFolder() });
    expect(offer.meaning()).toBe(decode(powerFolder()).meaning());
    expect(Object.keys(offer)).not.toContain('state');
  });

  it('keeps options as they are, also those named like properties of objects', () => {
    const options = JSON.parse(
      '{"access_token":"t","constructor":{"constructor":"x"},"toString":[],"nested":{"then":1}}',
    );
    expect(decode(powerFolder({ protocol: [{ name: 'pf_classic', options }] })).protocols[0]?.reveal().options).toEqual(
      options,
    );
  });
});

describe('the fields of an offered share', () => {
  it('are all reported at once when they are missing', () => {
    expect(refusedFields(() => decode({ shareId: 's1' })).sort()).toEqual([
      'name: REQUIRED',
      'owner: REQUIRED',
      'protocol: REQUIRED',
      'providerId: REQUIRED',
      'shareWith: REQUIRED',
    ]);
    expect(refusal(() => decode({})).code).toBe('VALIDATION_FAILED');
  });

  it.each([
    ['null', null],
    ['an array', []],
    ['a text', 'share'],
    ['a number', 1],
  ])('are not found in %s', (_what, body) => {
    expect(refusedFields(() => decode(body))).toEqual(['body: INVALID']);
  });

  it.each([
    ['shareId', 1],
    ['shareId', ['a']],
    ['shareId', { a: 1 }],
    ['shareId', ''],
    ['shareId', ' '],
    ['shareId', 'a\u0000b'],
    ['shareId', 'a\nb'],
    ['providerId', 7],
    ['providerId', true],
    ['name', ['foo']],
    ['name', ''],
    ['name', '\t'],
    ['name', '\u00a0'],
    ['name', 'a\u001fb'],
    ['name', 'a\u0085b'],
    ['name', 'a\u2028b'],
    ['name', 'invoice\u202efdp.exe'],
    ['name', 'a\u2066b'],
    ['name', 'a\ud800b'],
    ['description', 5],
    ['description', 'a\u0007b'],
    ['description', 'a\rb'],
    ['owner', 1],
    ['owner', ''],
    ['owner', 'alice@'],
    ['owner', '@cloud1.de'],
    ['owner', 'alice@127.0.0.1'],
    ['owner', 'alice@[::1]:5432'],
    ['owner', 'alice@cloud1.de/path'],
    ['owner', 'alice@CLOUD1.DE.'],
    ['owner', 'a@b@cloud1.de'],
    ['owner', 'al ice'],
    ['shareWith', ['bob@cloud2.de']],
    ['shareWith', { kind: 'local' }],
    ['shareWith', ''],
    ['shareWith', 'bob@'],
    ['shareWith', 'bob@2130706433'],
    ['shareWith', 'bob\n'],
    ['expiration', 0],
    ['expiration', -1],
    ['expiration', 1.5],
    ['expiration', '1924905600'],
    ['expiration', 253_402_300_800],
    ['permission', 'write'],
    ['permission', 'READ'],
    ['permission', ''],
    ['permission', 15],
    ['permission', ['read']],
    ['permission', { toString: 'read' }],
    ['shareType', 1],
    ['protocol', []],
    ['protocol', 'webdav'],
    ['protocol', [null]],
    ['protocol', ['webdav']],
    ['protocol', [[classic()]]],
  ])('are refused: %s %j', (name, value) => {
    expect(refusedFields(() => decode(powerFolder({ [name]: value })))).toContain(`${name}: INVALID`);
  });

  it.each([
    ['shareId', 'x'.repeat(256), 'TOO_LONG'],
    ['providerId', 'ä'.repeat(128), 'TOO_LONG'],
    ['name', 'ä'.repeat(128), 'TOO_LONG'],
    ['description', 'x'.repeat(2049), 'TOO_LONG'],
    ['owner', `${'a'.repeat(310)}@cloud1.de`.padStart(321, 'a'), 'TOO_LONG'],
    ['owner', 'a'.repeat(315), 'TOO_LONG'],
    ['shareWith', 'b'.repeat(321), 'TOO_LONG'],
    ['permission', 'owner', 'NOT_SUPPORTED'],
    ['protocol', Array.from({ length: 9 }, () => classic()), 'TOO_MANY'],
  ])('are refused: too much of %s', (name, value, message) => {
    expect(refusedFields(() => decode(powerFolder({ [name]: value })))).toEqual([`${name}: ${message}`]);
  });

  it.each([
    ['shareId', 'x'.repeat(255)],
    ['name', 'ä'.repeat(127)],
    ['name', '👩‍👩‍👧 Ordner ‏עברית'],
    ['description', `${'x'.repeat(2046)}\n\t`],
    ['description', 'one\r\ntwo'],
    ['description', ''],
    ['description', null],
    ['shareId', null],
    ['permission', null],
    ['expiration', null],
    ['expiration', 1],
    ['expiration', 253_402_300_799],
    ['shareType', 'user'],
    ['protocol', Array.from({ length: 8 }, () => classic())],
  ])('are taken: %s', (name, value) => {
    expect(decode(powerFolder({ [name]: value })).name).toBeDefined();
  });

  it('do not let a group be the recipient', () => {
    expect(refusedFields(() => decode(plain({ shareType: 'group' })))).toEqual(['shareWith: NOT_SUPPORTED']);
    expect(refusedFields(() => decode(powerFolder({ shareType: 'federation' })))).toEqual(['shareWith: NOT_SUPPORTED']);
  });

  it('name the path of what is wrong inside a protocol', () => {
    const protocol = [classic(), { name: 5, options: {} }, { name: 'webdav' }, { name: 'webdav', options: [] }];
    expect(refusedFields(() => decode(powerFolder({ protocol })))).toEqual([
      'protocol[1].name: INVALID',
      'protocol[2].options: REQUIRED',
      'protocol[3].options: INVALID',
    ]);
    expect(refusedFields(() => decode(plain({ protocol: { options: {} } })))).toEqual(['protocol.name: REQUIRED']);
  });
});

describe('the permission of an offered share', () => {
  it.each(['read', 'read_write', 'admin'])('may be the word %s', (permission) => {
    expect(decode(powerFolder({ permission })).permission).toBe(permission);
  });

  it('is the least one where none is named', () => {
    expect(decode(powerFolder({ permission: undefined })).permission).toBe('read');
    expect(decode(webdav({ access_token: 't' })).permission).toBe('read');
  });

  it.each([
    [1, 'read'],
    [3, 'read'],
    [5, 'read'],
    [9, 'read'],
    [17, 'read'],
    [25, 'read'],
    [7, 'read_write'],
    [15, 'read_write'],
    [23, 'read_write'],
    [31, 'admin'],
  ])('is the mask %i rounded down to %s', (permissions, permission) => {
    expect(decode(webdav({ permissions })).permission).toBe(permission);
  });

  it.each([0, 2, 30, 32, 255, -1, 1.5, '31', true, [31], {}])('is not the mask %j', (permissions) => {
    expect(refusedFields(() => decode(webdav({ permissions })))).toEqual(['protocol.options.permissions: INVALID']);
  });

  it('may be named twice if both agree', () => {
    expect(decode(powerFolder({ permission: 'read_write', protocol: [classic({ permissions: 7 })] })).permission).toBe(
      'read_write',
    );
    const protocol = [classic({ permissions: 7 }), { name: 'webdav', options: { permissions: 15 } }];
    expect(decode(powerFolder({ permission: undefined, protocol })).permission).toBe('read_write');
  });

  it('is refused where word and mask, or two masks, disagree', () => {
    const wordAndMask = powerFolder({ permission: 'read', protocol: [classic({ permissions: 31 })] });
    expect(refusedFields(() => decode(wordAndMask))).toEqual(['permission: CONFLICT']);
    const protocol = [classic({ permissions: 1 }), { name: 'webdav', options: { permissions: 15 } }];
    expect(refusedFields(() => decode(powerFolder({ permission: undefined, protocol })))).toEqual([
      'permission: CONFLICT',
    ]);
  });

  it('is not looked for in protocols that we do not know', () => {
    const protocol = [classic(), { name: 'datatx', options: { permissions: 255 } }];
    expect(decode(powerFolder({ permission: 'read', protocol })).permission).toBe('read');
  });
});

describe('the protocols of an offered share', () => {
  it('are passed over if unknown, as long as one is known', () => {
    const protocol = [{ name: 'webapp', options: { uri: 'https://evil.example' } }, { name: 'multi' }, classic()];
    expect(decode(powerFolder({ protocol })).protocols.map(({ name }) => name)).toEqual(['pf_classic']);
  });

  it.each([
    ['PowerFolder’s', powerFolder({ protocol: [{ name: 'webapp', options: {} }] })],
    ['plain', plain({ protocol: { name: 'PF_CLASSIC', options: {} } })],
  ])('are not offered here if none is known: %s flavour', (_what, body) => {
    const error = refusal(() => decode(body));
    expect(error.kind).toBe('not-offered');
    expect(error.code).toBe('PROTOCOL_NOT_SUPPORTED');
  });

  it.each([
    ['REQUIRED', {}],
    ['REQUIRED', { access_token: null }],
    ['INVALID', { access_token: 5 }],
    ['INVALID', { access_token: '' }],
    ['INVALID', { access_token: ['t'] }],
    ['INVALID', { access_token: 'a\nb' }],
  ])('need a token for pf_classic: %s %j', (message, options) => {
    const protocol = [{ name: 'pf_classic', options }];
    expect(refusedFields(() => decode(powerFolder({ protocol })))).toEqual([
      `protocol[0].options.access_token: ${message}`,
    ]);
  });

  it('have options of at most 8 KiB as JSON', () => {
    const room = 8192 - JSON.stringify({ access_token: 't', note: '' }).length;
    const withNote = (length: number) => webdav({ access_token: 't', note: 'x'.repeat(length) });
    expect(decode(withNote(room)).protocols).toHaveLength(1);
    expect(refusedFields(() => decode(withNote(room + 1)))).toEqual(['protocol.options: TOO_LONG']);
  });

  it.each([
    ['another host', { uri: 'https://evil.example/webdav' }],
    ['a host below the peer', { uri: 'https://x.cloud1.de/' }],
    ['a host above the peer', { uri: 'https://de/' }],
    ['a host that starts like the peer', { uri: 'https://cloud1.de.evil.example/' }],
    ['a trailing dot', { uri: 'https://cloud1.de./' }],
    ['plain http', { uri: 'http://cloud1.de/webdav' }],
    ['another scheme', { uri: 'ftp://cloud1.de/' }],
    ['a script', { uri: 'javascript:alert(1)' }],
    ['a user part', { uri: 'https://cloud1.de@evil.example/' }],
    ['a user part and the right host', { uri: 'https://user:pw@cloud1.de/' }],
    ['a back slash', { uri: 'https://cloud1.de\\@evil.example/' }],
    ['two slashes', { uri: '//evil.example/webdav' }],
    ['a scheme without slashes', { uri: 'https:evil.example' }],
    ['an address', { uri: 'https://127.0.0.1/' }],
    ['white space before it', { uri: ' https://evil.example/' }],
    ['a line feed in it', { uri: 'https://cloud1.de\n.evil.example/' }],
    ['letters that look alike', { uri: 'https://ｃloud1.de/' }],
    ['another name of the option', { srcUri: 'https://evil.example/' }],
    ['a url', { url: 'https://evil.example/' }],
    ['a template', { uriTemplate: 'https://evil.example/{path}' }],
    ['any option at all', { note: 'https://evil.example/' }],
    ['depth', { more: { list: [{ server_url: '//evil.example' }] } }],
    ['a list', { uris: ['/ok', '//evil.example'] }],
    ['a number', { uri: 2130706433 }],
  ])('may not lead elsewhere by %s', (_what, options) => {
    const error = refusal(() => decode(webdav({ access_token: 't', ...options })));
    expect(error.kind).toBe('invalid');
    expect(error.code).toBe('PROTOCOL_URI_NOT_ALLOWED');
    expect(error.details.fields?.[0]?.message).toBe('PROTOCOL_URI_NOT_ALLOWED');
    expect(error.details.fields?.[0]?.name).toMatch(/^protocol\.options\./);
  });

  it('name the option that leads elsewhere', () => {
    const protocol = [classic(), { name: 'webdav', options: { a: [{ uri: 'https://evil.example' }] } }];
    expect(refusedFields(() => decode(powerFolder({ protocol })))).toEqual([
      'protocol[1].options.a[0].uri: PROTOCOL_URI_NOT_ALLOWED',
    ]);
  });

  it.each([
    ['the peer’s host', 'https://cloud1.de/webdav/1'],
    ['the peer’s host alone', 'https://cloud1.de'],
    ['the peer’s host in capitals, with a port', 'HTTPS://Cloud1.DE:8443/webdav?x=1#y'],
    ['a path', '/webdav/1'],
    ['a relative path', 'webdav/1'],
    ['a template', 'https://cloud1.de/{path}'],
  ])('may stay at %s', (_what, uri) => {
    expect(decode(webdav({ uri })).protocols).toHaveLength(1);
  });

  it.each(['//evil.example/x', 'https:evil.example', ' \\\\evil.example'])('may not lead away as %s', (server) => {
    expect(() => decode(webdav({ access_token: 't', server }))).toThrow('PROTOCOL_URI_NOT_ALLOWED');
  });

  it('may have options that merely look a little like uris', () => {
    expect(
      decode(webdav({ access_token: '//token:with/signs==', security: 'https', ratio: '16:9' })).protocols,
    ).toHaveLength(1);
  });
});
