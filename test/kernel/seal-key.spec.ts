import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SealBroken, type SealContext, SealKey, Secret } from '../../src/kernel/secret.js';

const CONTEXT: SealContext = ['delivery', 'row-1', 'peer-1'];
const key = new SealKey(randomBytes(32));

/** 00 01 … 1f: what follows from it must never change, or nobody can open what earlier releases have sealed. */
const KNOWN = new SealKey(Uint8Array.from({ length: 32 }, (_, at) => at));

describe('a seal key', () => {
  it('opens what it has sealed', () => {
    for (const text of ['', 'x', 'token', 'é 👩 \0', 'long '.repeat(10_000)]) {
      expect(key.open(key.seal(new Secret(text), CONTEXT), CONTEXT).reveal()).toBe(text);
    }
  });

  it('opens any text that is well formed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(key.open(key.seal(new Secret(text), CONTEXT), CONTEXT).reveal()).toBe(text);
      }),
    );
  });

  it('seals the same secret differently every time', () => {
    const sealed = Array.from({ length: 100 }, () => key.seal(new Secret('same'), CONTEXT));
    expect(new Set(sealed).size).toBe(100);
  });

  it('leaves nothing of the secret in what it has sealed', () => {
    const sealed = key.seal(new Secret('canary-7f3a9c'), CONTEXT);
    expect(Buffer.from(sealed.slice(3), 'base64url').toString('latin1')).not.toContain('canary');
  });

  it.each<[string, SealContext]>([
    ['another table', ['incoming_share', 'row-1', 'peer-1']],
    ['another row', ['delivery', 'row-2', 'peer-1']],
    ['another peer', ['delivery', 'row-1', 'peer-2']],
    ['the parts the other way round', ['delivery', 'peer-1', 'row-1']],
    ['the same letters divided differently', ['delivery', 'row-1peer-1', '']],
    ['a part that imitates the separator', ['delivery', 'row-1","peer-1', '']],
    ['nothing', ['', '', '']],
  ])('does not open it for %s', (_, context) => {
    const sealed = key.seal(new Secret('token'), CONTEXT);
    expect(() => key.open(sealed, context)).toThrow(SealBroken);
  });

  it('does not open it once any byte was altered', () => {
    const sealed = Buffer.from(key.seal(new Secret('token'), CONTEXT).slice(3), 'base64url');
    for (let at = 0; at < sealed.length; at++) {
      for (const bit of [1, 128]) {
        const altered = Buffer.from(sealed);
        altered.writeUInt8(altered.readUInt8(at) ^ bit, at);
        expect(() => key.open(`s1.${altered.toString('base64url')}`, CONTEXT), `byte ${at}`).toThrow(SealBroken);
      }
    }
  });

  it('does not open it once it was cut or lengthened', () => {
    const sealed = Buffer.from(key.seal(new Secret('token'), CONTEXT).slice(3), 'base64url');
    for (let length = 0; length < sealed.length; length++) {
      expect(() => key.open(`s1.${sealed.subarray(0, length).toString('base64url')}`, CONTEXT)).toThrow(SealBroken);
    }
    const longer = Buffer.concat([sealed, Buffer.alloc(1)]);
    expect(() => key.open(`s1.${longer.toString('base64url')}`, CONTEXT)).toThrow(SealBroken);
  });

  it.each(['', 's1.', 's2.', 'token', 's1', 'null'])('does not open "%s"', (text) => {
    expect(() => key.open(text, CONTEXT)).toThrow(SealBroken);
  });

  it('does not open what another key has sealed', () => {
    const sealed = new SealKey(randomBytes(32)).seal(new Secret('token'), CONTEXT);
    expect(() => key.open(sealed, CONTEXT)).toThrow(SealBroken);
  });

  it('says which table holds what cannot be opened, and nothing else', () => {
    expect(() => key.open('s1.canary', CONTEXT)).toThrow(
      new SealBroken(['delivery', '', '']), // messages are compared: no row, no peer, no text
    );
  });

  it('opens what was sealed by an earlier release', () => {
    const sealed = 's1.W17QxuNcD1hD98GwPy7hyeSSv0hSFiqmV8Unrll0EGT6on_UJmH9f2I';
    expect(KNOWN.open(sealed, CONTEXT).reveal()).toBe('correct horse');
  });

  it('has a fingerprint that stays the same, and tells keys apart', () => {
    expect(KNOWN.fingerprint).toBe('sha256:JvhjaNCnQkWQlWlWNg6Bg35FG5wRtAI85oZRCRzJR4k');
    expect(key.fingerprint).not.toBe(KNOWN.fingerprint);
  });

  it('has a fingerprint that is not simply a hash of the key', () => {
    const bytes = randomBytes(32);
    const plain = createHash('sha256').update(bytes).digest('base64url');
    expect(new SealKey(bytes).fingerprint).not.toContain(plain);
  });

  it('digests contents so that only the same key gives the same digest', () => {
    expect(KNOWN.digest('hello')).toBe('l2xdqrCT08y6yLHJtRx6hEdTd7LbnZR5aywSRrQVCBk');
    expect(key.digest('hello')).toBe(key.digest('hello'));
    expect(key.digest('hello')).not.toBe(KNOWN.digest('hello'));
    expect(key.digest('hello')).not.toBe(key.digest('hello '));
    expect(key.digest('hello')).not.toBe(createHash('sha256').update('hello').digest('base64url'));
  });

  it.each([0, 16, 31, 33, 64])('is not made of %i bytes', (length) => {
    expect(() => new SealKey(randomBytes(length))).toThrow(new TypeError('a seal key has 32 bytes'));
  });

  it('is generated with 32 bytes', () => {
    expect(SealKey.generate()).toHaveLength(32);
    expect(SealKey.generate()).not.toEqual(SealKey.generate());
  });
});
