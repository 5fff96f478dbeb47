import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import { canonicalJson } from '../../src/ocm/canonical-json.js';
import { OfferedProtocol, packProtocols, unpackProtocols } from '../../src/ocm/offered-protocol.js';
import { permissionAtLeast } from '../../src/ocm/permission.js';
import { readReceipt, readRefusal } from '../../src/ocm/receipt.js';

describe('permissions', () => {
  it('imply the lower ones', () => {
    expect(permissionAtLeast('admin', 'read_write')).toBe(true);
    expect(permissionAtLeast('read_write', 'read_write')).toBe(true);
    expect(permissionAtLeast('read', 'read_write')).toBe(false);
  });
});

describe('canonical JSON', () => {
  it('has one spelling for each value', () => {
    expect(canonicalJson({ b: [1, { d: 'ä', c: null }], a: undefined, '': true })).toBe(
      '{"":true,"b":[1,{"c":null,"d":"ä"}]}',
    );
  });

  it('loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('protocols', () => {
  it('come back from their sealed form', () => {
    const protocols = [
      OfferedProtocol.pfClassic(new Secret('t1')),
      OfferedProtocol.webdav('https://cloud1.de/', new Secret('t2')),
    ];
    const packed = packProtocols(protocols);
    expect(String(packed)).toBe('[secret]');
    expect(unpackProtocols(packed).map((protocol) => protocol.reveal())).toEqual([
      { name: 'pf_classic', options: { access_token: 't1' } },
      { name: 'webdav', options: { access_token: 't2', uri: 'https://cloud1.de/' } },
    ]);
    expect(() => unpackProtocols(new Secret('[{"name":"x","options":{}}]'))).toThrow(TypeError);
  });

  it('are not changed through what they reveal', () => {
    const protocol = OfferedProtocol.pfClassic(new Secret('t1'));
    protocol.reveal().options.access_token = 'other';
    expect(protocol.accessToken()?.reveal()).toBe('t1');
  });
});

describe('what a peer answers', () => {
  it('is a receipt with id and state', () => {
    expect(readReceipt({ id: '91c2', state: 'accepted', more: 1 })).toEqual({ id: '91c2', state: 'accepted' });
  });

  it.each([[null], ['x'], [[]], [{}], [{ id: 5, state: 'ACCEPTED' }], [{ id: '', state: {} }]])(
    'may be less than a receipt: %j',
    (body) => {
      expect(readReceipt(body).id).toBeUndefined();
      expect(readReceipt(body).state).toBeUndefined();
    },
  );

  it('is a refusal with its code and fields, as far as they are codes', () => {
    const validationErrors = [
      { name: 'shareWith', message: 'NOT_FOUND' },
      { name: '<b>', message: 'X' },
      { name: 'a', message: 'no code' },
      5,
    ];
    expect(readRefusal({ message: 'VALIDATION_FAILED', validationErrors })).toEqual({
      code: 'VALIDATION_FAILED',
      fields: [{ name: 'shareWith', message: 'NOT_FOUND' }],
    });
    expect(readRefusal({ message: 'Something <i>went</i> wrong' })).toEqual({ code: undefined, fields: [] });
    expect(readRefusal(undefined)).toEqual({ fields: [] });
  });
});
