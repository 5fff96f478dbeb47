import { createPrivateKey, createPublicKey, KeyObject, webcrypto } from 'node:crypto';
import { KEY_ALGORITHM } from './leaf-options.js';

export type KeyPair = webcrypto.CryptoKeyPair;

/** A new P-256 key. */
export async function makeKeyPair(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
}

/** @throws if the text is not the PKCS#8 PEM of a P-256 key. */
export async function readKeyPair(pem: string): Promise<KeyPair> {
  const pkcs8 = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, KEY_ALGORITHM, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, KEY_ALGORITHM, true, ['verify']),
  };
}

/** PKCS#8 PEM. */
export function exportPrivateKey(keys: KeyPair): string {
  return KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
}
