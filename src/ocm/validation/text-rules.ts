import { ValidateBy, type ValidationOptions } from 'class-validator';

/** Controls (C0, DEL, C1), lone surrogates, line and paragraph separators, and the marks that reverse the direction of text. */
const NOT_ON_ONE_LINE = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const NOT_IN_TEXT = /[^\P{Cc}\n\t]|\p{Cs}/u;

/** A text of one line: printable, well-formed, not blank. */
export function isOneLine(text: string): boolean {
  return text.trim() !== '' && !NOT_ON_ONE_LINE.test(text);
}

/** A text of several lines: line feeds (also after a carriage return) and tabs are the only control characters. */
function isText(text: string): boolean {
  return !NOT_IN_TEXT.test(text.replaceAll('\r\n', '\n'));
}

/** At most so many bytes of UTF-8. That it is a text is for another rule to say. */
export function MaxBytes(limit: number, options?: ValidationOptions): PropertyDecorator {
  return textRule('maxBytes', 'TOO_LONG', (text) => Buffer.byteLength(text) <= limit, options);
}

/** At most so many characters (code points). That it is a text is for another rule to say. */
export function MaxCharacters(limit: number, options?: ValidationOptions): PropertyDecorator {
  return textRule('maxCharacters', 'TOO_LONG', (text) => text.length <= limit || [...text].length <= limit, options);
}

export function IsOneLine(options?: ValidationOptions): PropertyDecorator {
  return valueRule('isOneLine', 'INVALID', (value) => typeof value === 'string' && isOneLine(value), options);
}

export function IsText(options?: ValidationOptions): PropertyDecorator {
  return valueRule('isText', 'INVALID', (value) => typeof value === 'string' && isText(value), options);
}

/** Last second of the year 9999: later dates have no ISO 8601 form of four-digit years. */
const LAST_SECOND = 253_402_300_799;

/** Whole seconds since 1970, later than the first and in a year of four digits. */
export function IsEpochSeconds(options?: ValidationOptions): PropertyDecorator {
  return valueRule('isEpochSeconds', 'INVALID', (value) => isWholeNumber(value, 1, LAST_SECOND), options);
}

export function isWholeNumber(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most;
}

/** A rule for any value. `code` is what the caller reads as the field's message. */
export function valueRule(
  name: string,
  code: string,
  holds: (value: unknown, body: object) => boolean,
  options?: ValidationOptions,
): PropertyDecorator {
  const validate = (value: unknown, args?: { object: object }) => holds(value, args?.object ?? {});
  return ValidateBy({ name, validator: { validate, defaultMessage: () => code } }, options);
}

/** A rule about the content of a text; that it is a text at all is for `@IsString()` to say. */
export function textRule(
  name: string,
  code: string,
  holds: (text: string) => boolean,
  options?: ValidationOptions,
): PropertyDecorator {
  return valueRule(name, code, (value) => typeof value !== 'string' || holds(value), options);
}
