import { domainToASCII, domainToUnicode } from 'node:url';

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * A DNS name in A-label form, lower case, without a trailing dot; undefined if the text is anything else.
 * U-labels, IP literals in every spelling, and names whose last label is a number (which URL parsers read as IPv4) are
 * not names here: a peer's identity has exactly one spelling (RFC 5890 section 2.3.1, RFC 1035 section 2.3.1).
 */
export function parseDomainName(text: string): string | undefined {
  if (text.length === 0 || text.length > 253) return undefined;
  // Only ASCII may be folded: U+212A (Kelvin) lower-cases to "k" and would make two names one.
  if (!/^[\x21-\x7e]+$/.test(text)) return undefined;
  const name = text.toLowerCase();
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return undefined;
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels[labels.length - 1] ?? '')) return undefined;
  return labels.some(isEncoded) && !decodes(name) ? undefined : name;
}

function isEncoded(label: string): boolean {
  return label.startsWith('xn--');
}

/** Whether every A-label is the punycode of something. Runtimes give back nothing for one that is not, or leave it as it is. */
function decodes(name: string): boolean {
  const decoded = domainToUnicode(name);
  return decoded !== '' && !decoded.split('.').some(isEncoded) && domainToASCII(decoded) === name;
}
