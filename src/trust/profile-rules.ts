import { parseDomainName } from '../kernel/domain-name.js';
import { isOneLine, textRule, valueRule } from '../ocm/validation/text-rules.js';

/** What a cloud may be called. Bytes of UTF-8. */
export function isDisplayName(text: string): boolean {
  return Buffer.byteLength(text) <= 255 && !/\p{C}/u.test(text);
}

/** What an operator calls it: the same, and not blank. */
export function IsDisplayName(): PropertyDecorator {
  return valueRule('isDisplayName', 'INVALID', (value) => {
    return typeof value === 'string' && isOneLine(value) && isDisplayName(value);
  });
}

/** An e-mail address, `mailto:` and one, or an https URL without credentials; at most 320 bytes. */
export function IsSecurityContact(): PropertyDecorator {
  return textRule('isSecurityContact', 'INVALID', isSecurityContact);
}

function isSecurityContact(text: string): boolean {
  if (Buffer.byteLength(text) > 320 || !isOneLine(text) || /\s/.test(text)) return false;
  if (text.startsWith('https://')) return isWebAddress(text);
  return isEmailAddress(text.startsWith('mailto:') ? text.slice('mailto:'.length) : text);
}

function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password, hostname } = new URL(text);
  return username === '' && password === '' && parseDomainName(hostname) !== undefined;
}

/** RFC 5321 without its oddities: no quotes, comments or address literals. */
function isEmailAddress(text: string): boolean {
  const [local = '', domain = '', ...rest] = text.split('@');
  const isLocal = /^[^"(),:;<>[\\\]?&%]+$/.test(local) && Buffer.byteLength(local) <= 64;
  return rest.length === 0 && isLocal && parseDomainName(domain) !== undefined;
}
