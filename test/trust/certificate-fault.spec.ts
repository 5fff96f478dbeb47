import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { judgeCertificate } from '../../src/trust/certificate-fault.js';
import {
  algorithm,
  constraints,
  der,
  extension,
  KEYS,
  keyUsage,
  names,
  type Odd,
  odd,
  SERVER_AUTH,
} from './odd-certificates.js';

const P256 = KEYS.p256();
const judged = (wanted: Partial<Odd>) =>
  judgeCertificate(new X509Certificate(odd({ privateKey: P256, ...wanted }).certificate));
const dns = (...values: string[]) => values.map((value) => Buffer.from(value, 'latin1'));

describe('a certificate by itself', () => {
  it.each<[string, Partial<Odd>]>([
    ['P-256', {}],
    ['P-384', { privateKey: KEYS.p384() }],
    ['P-521', { privateKey: KEYS.p521() }],
    ['Ed25519', { privateKey: KEYS.ed25519() }],
    ['Ed448', { privateKey: KEYS.ed448() }],
    ['RSA with 2048 bits', { privateKey: KEYS.rsa2048() }],
    ['letters of either case', { dns: dns('B.LocalHost') }],
    ['no word on what it is for', { eku: [] }],
    ['every purpose', { eku: ['2.5.29.37.0'] }],
    ['a word that it is a leaf', { ca: false, usage: 0x80 }],
    [
      'names of other kinds beside its DNS name',
      {
        dns: [],
        extensions: [
          names(
            der(0x82, ...dns('b.localhost')),
            der(0x81, ...dns('bob@b.localhost')),
            der(0x87, Buffer.from([127, 0, 0, 1])),
          ),
        ],
      },
    ],
    [
      'an extension that nobody knows, and that it does not insist on',
      { extensions: [extension('1.2.3.4', false, der(0x05))] },
    ],
  ])('names its host: %s', (_, wanted) => {
    expect(judged(wanted)).toEqual({ host: 'b.localhost' });
  });

  it.each<[string, string, Partial<Odd>]>([
    ['no-name', 'a common name alone', { dns: [] }],
    ['no-name', 'an empty list of names', { dns: [], extensions: [names()] }],
    ['not-a-dns-name', 'an address alone', { dns: [], extensions: [names(der(0x87, Buffer.from([127, 0, 0, 1])))] }],
    ['not-a-dns-name', 'a URI alone', { dns: [], extensions: [names(der(0x86, ...dns('https://b.localhost')))] }],
    [
      'not-a-dns-name',
      'an e-mail address alone',
      { dns: [], extensions: [names(der(0x81, ...dns('bob@b.localhost')))] },
    ],
    ['not-a-dns-name', 'a dot at the end', { dns: dns('b.localhost.') }],
    ['not-a-dns-name', 'a NUL', { dns: dns('b.localhost\0.evil.localhost') }],
    ['not-a-dns-name', 'a quote', { dns: dns('b.localhost"') }],
    ['not-a-dns-name', 'a comma and another name', { dns: dns('b.localhost, DNS:c.localhost') }],
    ['not-a-dns-name', 'a line', { dns: dns('b.localhost\n') }],
    ['not-a-dns-name', 'letters beyond ASCII', { dns: [Buffer.from('bücher.localhost')] }],
    ['not-a-dns-name', 'an address as a DNS name', { dns: dns('127.0.0.1') }],
    ['not-a-dns-name', 'nothing as a DNS name', { dns: dns('') }],
    ['wildcard', 'a star', { dns: dns('*.localhost') }],
    ['several-names', 'two names', { dns: dns('b.localhost', 'c.localhost') }],
    ['several-names', 'one name twice', { dns: dns('b.localhost', 'b.localhost') }],
    ['ca-certificate', 'an authority', { ca: true }],
    ['ca-certificate', 'a key that may sign certificates', { usage: 0x84 }],
    ['wrong-purpose', 'servers only', { eku: [SERVER_AUTH] }],
    ['wrong-purpose', 'mail only', { eku: ['1.3.6.1.5.5.7.3.4'] }],
    ['wrong-purpose', 'a key that may not sign', { usage: 0x20 }],
    ['weak-key', 'RSA with 1024 bits', { privateKey: KEYS.rsa1024() }],
    ['weak-key', 'RSA with 2047 bits', { privateKey: KEYS.rsa2047() }],
    ['weak-key', 'the curve secp256k1', { privateKey: KEYS.secp256k1() }],
    ['weak-key', 'the curve P-224', { privateKey: KEYS.p224() }],
    ['weak-key', 'DSA', { privateKey: KEYS.dsa() }],
    ['weak-signature', 'ECDSA with SHA-1', { algorithm: algorithm('1.2.840.10045.4.1') }],
    [
      'weak-signature',
      'RSA with SHA-1',
      { privateKey: KEYS.rsa2048(), algorithm: algorithm('1.2.840.113549.1.1.5', true) },
    ],
    [
      'weak-signature',
      'RSA with MD5',
      { privateKey: KEYS.rsa2048(), algorithm: algorithm('1.2.840.113549.1.1.4', true) },
    ],
    [
      'weak-signature',
      'RSA-PSS that leaves the hash open, which means SHA-1',
      { privateKey: KEYS.rsa2048(), algorithm: der(0x30, algorithm('1.2.840.113549.1.1.10').subarray(2), der(0x30)) },
    ],
    ['weak-signature', 'a signature that nobody knows', { algorithm: algorithm('1.2.3.4') }],
    [
      'unreadable',
      'names that are none',
      { dns: [], extensions: [extension('2.5.29.17', false, Buffer.from([0x30, 0x7f, 0x01]))] },
    ],
    ['unreadable', 'two lists of names', { extensions: [names(der(0x82, ...dns('c.localhost')))] }],
    ['unreadable', 'two words on whether it is an authority', { ca: false, extensions: [constraints(true)] }],
    ['unreadable', 'two key usages', { usage: 0x80, extensions: [keyUsage(0x04)] }],
    [
      'unreadable',
      'something that it insists on and nobody knows',
      { extensions: [extension('1.2.3.4', true, der(0x05))] },
    ],
    ['unreadable', 'more than 8 KiB', { extensions: [extension('1.2.3.4', false, der(0x04, Buffer.alloc(8_192)))] }],
  ])('is refused as %s: %s', (fault, _, wanted) => {
    expect(judged(wanted)).toEqual({ fault });
  });
});
