const HIDDEN = '[redacted]';
/** Deeper than any object that we log on purpose; what lies below is not printed. */
const DEPTH = 6;

/** Field and header names whose values never reach a log, in lower case without `-` and `_`. */
const SECRET_NAMES = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'clientcert',
  'clientcertchain',
  'xclientcert',
  'token',
  'accesstoken',
  'refreshtoken',
  'idtoken',
  'logintoken',
  'admintoken',
  'code',
  'codeverifier',
  'password',
  'passphrase',
  'secret',
  'clientsecret',
  'clientassertion',
  'sharedsecret',
  'privatekey',
  'sealkey',
  'nonce',
  'body',
  'options',
  'parameters',
]);

/** Secrets that turn up inside of sentences: credentials, PEM keys, JWTs, and parameters of URLs and forms. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, `$1 ${HIDDEN}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, HIDDEN],
  [/\bent_[\w-]{43}/g, HIDDEN],
  [/(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*/g, HIDDEN],
  // Whatever stands before the word: a pattern for that would be tried at every letter of every text.
  [/(token|secret|password|assertion)(["']?\s*[=:]\s*["']?)[^\s"'&,;}]+/gi, `$1$2${HIDDEN}`],
  [/\b(code|nonce)(=|["']\s*:\s*["']?)[^\s"'&,;}]+/gi, `$1$2${HIDDEN}`],
  [/(:\/\/[^\s:/@]+:)[^\s@/]+@/g, `$1${HIDDEN}@`],
];

/** The text without the secrets that can be told by their looks. */
export function redactText(text: string): string {
  return SECRET_TEXTS.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);
}

/** A copy of a value that may be printed: secrets by name and by looks are gone, errors are described. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return '[bytes]';
  if (depth >= DEPTH) return '[deep]';
  if (hasOwnSpelling(value)) return redact(value.toJSON(), depth + 1);
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, redactField(name, item, depth + 1)]));
}

function redactField(name: string, value: unknown, depth: number): unknown {
  return SECRET_NAMES.has(name.toLowerCase().replace(/[-_]/g, '')) ? HIDDEN : redact(value, depth);
}

function hasOwnSpelling(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

/**
 * An error for the log: name, message, code, where it arose, and its causes. Its other properties are left out, because
 * drivers and clients keep statements, parameters and bodies in them.
 */
function describeError(error: Error, depth: number): object {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: safeMessage(error),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: frames.join('\n'),
    ...(error.cause !== undefined && depth < DEPTH ? { cause: redact(error.cause, depth + 1) } : {}),
    ...(error instanceof AggregateError && depth < DEPTH ? { errors: redact(error.errors, depth + 1) } : {}),
  };
}

/** V8 quotes the text that is not JSON, and PostgreSQL (class 22) the value that it cannot take: both may be secrets. */
function safeMessage(error: Error): string {
  if (error instanceof SyntaxError && error.message.includes('JSON')) return 'not valid JSON';
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code)) return redactText(error.message.replace(/: ".*$/s, ''));
  return redactText(error.message);
}
