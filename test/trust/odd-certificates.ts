import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { IssuedCertificate } from '../../src/transport/certificates.js';

/** A certificate written byte by byte, for what no library agrees to make. Lengths are right; the rest is what is asked for. */
export interface Odd {
  /** PKCS#8 PEM of the key that it certifies and that signs it. */
  readonly privateKey: string;
  /** DNS names, each byte by byte; default `b.localhost`. None: no such extension. */
  readonly dns?: readonly Buffer[];
  /** Default: id-kp-clientAuth and id-kp-serverAuth. Empty: no such extension. */
  readonly eku?: readonly string[];
  /** First byte of the key usage bits, 0x80 = digitalSignature, 0x04 = keyCertSign; undefined: no such extension. */
  readonly usage?: number;
  readonly ca?: boolean;
  /** Whole extensions besides. */
  readonly extensions?: readonly Buffer[];
  /** AlgorithmIdentifier of the signature; default: sha256 with the kind of the key. */
  readonly algorithm?: Buffer;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), body]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

export function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return der(0x30, oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
}

/** An AlgorithmIdentifier; `null` parameters as RSA has them. */
export function algorithm(dotted: string, withNull = false): Buffer {
  return der(0x30, oid(dotted), ...(withNull ? [der(0x05)] : []));
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+|[-:T]/g, '');
  return der(0x18, Buffer.from(digits));
}

const NAME = der(0x30, der(0x31, der(0x30, oid('2.5.4.3'), der(0x0c, Buffer.from('odd')))));

function signatureOf({ asymmetricKeyType }: KeyObject): Buffer {
  if (asymmetricKeyType === 'ed25519') return algorithm('1.3.101.112');
  if (asymmetricKeyType === 'ed448') return algorithm('1.3.101.113');
  if (asymmetricKeyType === 'dsa') return algorithm('2.16.840.1.101.3.4.3.2');
  return asymmetricKeyType === 'ec' ? algorithm('1.2.840.10045.4.3.2') : algorithm('1.2.840.113549.1.1.11', true);
}

/** The order of extensions is the usual one; the signature is always made with SHA-256, whatever the algorithm says. */
export function odd(wanted: Odd): IssuedCertificate {
  const key = createPrivateKey(wanted.privateKey);
  const { dns = [Buffer.from('b.localhost')], eku = [CLIENT_AUTH, SERVER_AUTH] } = wanted;
  const signature = wanted.algorithm ?? signatureOf(key);
  const extensions = [
    ...(wanted.ca === undefined ? [] : [constraints(wanted.ca)]),
    ...(wanted.usage === undefined ? [] : [keyUsage(wanted.usage)]),
    ...(eku.length > 0 ? [extension('2.5.29.37', false, der(0x30, ...eku.map(oid)))] : []),
    ...(dns.length > 0 ? [names(...dns.map((name) => der(0x82, name)))] : []),
    ...(wanted.extensions ?? []),
  ];
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([0x41]), randomBytes(15)])),
    signature,
    NAME,
    der(
      0x30,
      time(wanted.notBefore ?? new Date(Date.now() - 60_000)),
      time(wanted.notAfter ?? new Date(Date.now() + 864e5)),
    ),
    NAME,
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [der(0xa3, der(0x30, ...extensions))] : []),
  );
  const hash = key.asymmetricKeyType?.startsWith('ed') ? null : 'sha256';
  const whole = der(0x30, body, signature, der(0x03, Buffer.from([0]), sign(hash, body, key)));
  return { certificate: pem(whole), privateKey: wanted.privateKey };
}

/** Names of any kind, tagged by the caller: 0x82 DNS, 0x86 URI, 0x87 IP, 0x81 e-mail. */
export function names(...tagged: readonly Buffer[]): Buffer {
  return extension('2.5.29.17', false, der(0x30, ...tagged));
}

export function constraints(ca: boolean): Buffer {
  return extension('2.5.29.19', true, der(0x30, ...(ca ? [der(0x01, Buffer.from([0xff]))] : [])));
}

export function keyUsage(bits: number): Buffer {
  return extension('2.5.29.15', true, der(0x03, Buffer.from([0, bits])));
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** PKCS#8 PEM of a new key of a kind. */
export const KEYS = {
  p256: () => ec('prime256v1'),
  p384: () => ec('secp384r1'),
  p521: () => ec('secp521r1'),
  secp256k1: () => ec('secp256k1'),
  p224: () => ec('secp224r1'),
  ed25519: () => text(generateKeyPairSync('ed25519').privateKey),
  ed448: () => text(generateKeyPairSync('ed448').privateKey),
  rsa1024: () => rsa(1_024),
  rsa2047: () => rsa(2_047),
  rsa2048: () => rsa(2_048),
  dsa: () => text(generateKeyPairSync('dsa', { modulusLength: 2_048, divisorLength: 256 }).privateKey),
} as const;

function ec(namedCurve: string): string {
  return text(generateKeyPairSync('ec', { namedCurve }).privateKey);
}

function rsa(modulusLength: number): string {
  return text(generateKeyPairSync('rsa', { modulusLength }).privateKey);
}

function text(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
