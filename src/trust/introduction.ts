import { Injectable } from '@nestjs/common';
import { RefusalCounter } from '../audit/refusal-counter.js';
import { parseDomainName } from '../kernel/domain-name.js';
import { type FieldError, ValidationFailed } from '../kernel/federation-error.js';
import { Origin } from '../kernel/origin.js';
import { Secret } from '../kernel/secret.js';
import type { Stranger } from './peer-request.js';
import { isDisplayName } from './profile-rules.js';
import { CallerNotTrusted } from './trust-errors.js';

/** What a cloud says of itself, parsed once. */
export interface Introduction {
  readonly origin: Origin;
  readonly endpoint: Origin;
  readonly displayName: string;
  readonly domains: readonly string[];
  readonly code: Secret;
}

interface IntroductionFields {
  readonly origin: string;
  readonly endpoint: string;
  readonly displayName: string;
  readonly domains: readonly string[];
  readonly code: string;
}

/** @throws ValidationFailed, or CallerNotTrusted if the certificate is another host's. */
@Injectable()
export class ReadIntroduction {
  constructor(private readonly refusals: RefusalCounter) {}

  execute(fields: IntroductionFields, { host, address }: Stranger): Introduction {
    const introduction = parse(fields);
    if (introduction.origin.host === host) return introduction;
    this.refusals.count('wrong-name', address);
    throw new CallerNotTrusted('the certificate names another host than the origin');
  }
}

function parse(fields: IntroductionFields): Introduction {
  const origin = Origin.tryParse(fields.origin);
  const endpoint = Origin.tryParse(fields.endpoint);
  const domains = fields.domains.map((domain) => parseDomainName(domain));
  const refused: FieldError[] = [];
  if (!origin) refused.push({ name: 'origin', message: 'INVALID' });
  if (!endpoint || (origin && endpoint.host !== origin.host)) refused.push({ name: 'endpoint', message: 'INVALID' });
  if (domains.includes(undefined)) refused.push({ name: 'domains', message: 'INVALID' });
  if (!isDisplayName(fields.displayName)) refused.push({ name: 'displayName', message: 'INVALID' });
  if (refused.length > 0 || !origin || !endpoint) throw new ValidationFailed(refused);
  const known = domains.filter((domain) => domain !== undefined);
  return { origin, endpoint, displayName: fields.displayName, domains: known, code: new Secret(fields.code) };
}
