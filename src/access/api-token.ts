import { Secret } from '../kernel/secret.js';

/** `ent_` and 256 random bits as base64url: secret scanners know a leaked one by its beginning. */
export const API_TOKEN = /^ent_[\w-]{43}$/;

export function newApiToken(): Secret {
  return new Secret(`ent_${Secret.random().reveal()}`);
}
