import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-custom';
import { Secret } from '../kernel/secret.js';
import type { Credential, Credentials } from './credentials.js';

/** Ours alone: the host may have a strategy `bearer` of its own. */
export const BEARER = 'entente-bearer';

interface HeaderRequest {
  readonly raw: { readonly rawHeaders: readonly string[] };
}

/**
 * Passport's registry is one for the whole process, where several clouds may run: the strategy keeps nothing of its
 * application and is handed the credentials to ask with every request.
 */
@Injectable()
export class BearerStrategy extends PassportStrategy(Strategy, BEARER) {
  constructor() {
    super({ passOptionsToCallback: true });
  }

  async validate(request: HeaderRequest, options: { readonly credentials: Credentials }): Promise<Credential | false> {
    const token = bearerToken(request.raw.rawHeaders);
    return (token && (await options.credentials.verify(token))) || false;
  }
}

/**
 * The token of the one `Authorization: Bearer` header (RFC 6750 section 2.1); never from the query or a form, which end
 * up in logs. From the raw headers, because Node silently drops all but the first `Authorization`.
 */
export function bearerToken(rawHeaders: readonly string[]): Secret | undefined {
  const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'authorization');
  const token = values.length === 1 ? /^bearer +([\x21-\x7e]{1,1024})$/i.exec(values[0] ?? '')?.[1] : undefined;
  return token === undefined ? undefined : new Secret(token);
}
