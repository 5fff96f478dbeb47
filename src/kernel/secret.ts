import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { inspect } from 'node:util';

/** A secret in memory that cannot be printed by accident: only `reveal()` gives it away. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** 256 random bits as base64url. */
  static random(): Secret {
    return new Secret(randomBytes(32).toString('base64url'));
  }

  reveal(): string {
    return this.#value;
  }

  /** SHA-256, base64url: enough for secrets of 256 random bits, which are only ever verified. */
  hash(): string {
    return createHash('sha256').update(this.#value).digest('base64url');
  }

  /** Whether this is the secret that was hashed; takes the same time for every answer. */
  matches(hash: string): boolean {
    const ours = Buffer.from(this.hash());
    const theirs = Buffer.from(hash);
    return ours.length === theirs.length && timingSafeEqual(ours, theirs);
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** What a sealed secret is bound to: opening it for another table, row or peer fails. */
export type SealContext = readonly [table: string, row: string, peer: string];

/** The text cannot be opened: another key, another row, or altered. */
export class SealBroken extends Error {
  constructor(context: SealContext) {
    super(`a sealed secret of ${context[0]} cannot be opened`);
    this.name = 'SealBroken';
  }
}

/**
 * The one key outside the database. Seals every other key and secret at rest with AES-256-GCM; the context is
 * authenticated with it, so that a ciphertext moved to another row does not open.
 * Sealed form: `s1.` + base64url(nonce of 12 bytes, ciphertext, tag of 16 bytes).
 */
export class SealKey {
  readonly #sealing: Buffer;
  readonly #digesting: Buffer;
  /** `sha256:` + base64url: tells keys apart without giving anything away. Recorded in the database. */
  readonly fingerprint: string;

  /** @throws TypeError unless the key has 32 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== 32) throw new TypeError('a seal key has 32 bytes');
    this.#sealing = derive(key, 'entente seal');
    this.#digesting = derive(key, 'entente digest');
    this.fingerprint = `sha256:${createHash('sha256').update(derive(key, 'entente fingerprint')).digest('base64url')}`;
  }

  static generate(): Buffer {
    return randomBytes(32);
  }

  seal(secret: Secret, context: SealContext): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#sealing, nonce).setAAD(additionalData(context));
    const sealed = Buffer.concat([nonce, cipher.update(secret.reveal(), 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `s1.${sealed.toString('base64url')}`;
  }

  /** @throws SealBroken */
  open(sealed: string, context: SealContext): Secret {
    try {
      if (!sealed.startsWith('s1.')) throw new TypeError('unknown form');
      const bytes = Buffer.from(sealed.slice(3), 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', this.#sealing, bytes.subarray(0, 12), { authTagLength: 16 })
        .setAAD(additionalData(context))
        .setAuthTag(bytes.subarray(-16));
      return new Secret(Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8'));
    } catch {
      throw new SealBroken(context);
    }
  }

  /** A keyed digest (HMAC-SHA-256, base64url): compares contents that hold secrets without a hash one could guess at. */
  digest(content: string): string {
    return createHmac('sha256', this.#digesting).update(content).digest('base64url');
  }
}

function derive(key: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', purpose, 32));
}

function additionalData(context: SealContext): Buffer {
  return Buffer.from(JSON.stringify(context));
}
