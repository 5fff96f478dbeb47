import { getMetadataStorage, ValidateNested, type ValidationError, validateSync } from 'class-validator';
import { type FieldError, ValidationFailed } from '../../kernel/federation-error.js';
import { isJsonObject, type JsonObject } from '../canonical-json.js';
import { looksValid } from './looks-valid.js';

export type BodyClass<T extends object> = new () => T;

export interface BodyRules {
  /** What to make of properties that the class does not declare: pass over them, or refuse them as `UNKNOWN`. */
  readonly unknownProperties: 'ignore' | 'refuse';
}

const nested = new WeakMap<object, Map<string, () => BodyClass<object>>>();

/** Entries of a list of objects, those of lists in it included. Every wrong one costs a report, and none is worth that many. */
const MOST_ENTRIES = 100;

/** A property that holds one object of the class, or an array of at most 100. Stands for `@ValidateNested()` and `@Type()`. */
export function Nested(type: () => BodyClass<object>): PropertyDecorator {
  return (prototype, property) => {
    const types = nested.get(prototype) ?? new Map<string, () => BodyClass<object>>();
    nested.set(prototype, types.set(String(property), type));
    ValidateNested()(prototype, property);
  };
}

/**
 * An instance of the class with the declared properties of the body, all of them valid. Nothing is converted: a number
 * stays a number. Free-form values (objects of no declared class) are taken over as they are.
 * Built by hand, because a body that names a property `constructor` makes class-transformer call it.
 * @throws ValidationFailed with one error for each field: `REQUIRED`, `UNKNOWN`, `INVALID`, or the rule's own code. A list of
 *   objects that has far too many (`TOO_MANY`) is not looked into, nor is the rest of the body.
 */
export function validateBody<T extends object>(type: BodyClass<T>, body: unknown, rules: BodyRules): T {
  if (!isJsonObject(body)) throw ValidationFailed.of('body', 'INVALID');
  const unknown: FieldError[] = [];
  const instance = shape(type, body, '', unknown);
  const fields = looksValid(instance) ? [] : errorsOf(instance);
  if (rules.unknownProperties === 'refuse') fields.push(...unknown);
  if (fields.length > 0) throw new ValidationFailed(fields.slice(0, 100));
  return instance;
}

function errorsOf(instance: object): FieldError[] {
  return validateSync(instance, { validationError: { target: false } }).flatMap((error) => describe(error, ''));
}

function shape<T extends object>(type: BodyClass<T>, body: JsonObject, path: string, unknown: FieldError[]): T {
  const declared = declaredProperties(type);
  const taken: JsonObject = {};
  for (const [name, value] of Object.entries(body)) {
    if (declared.has(name)) taken[name] = shapeNested(nestedType(type, name), value, path + name, unknown);
    else unknown.push({ name: fieldName(path + name), message: 'UNKNOWN' });
  }
  return Object.assign(new type(), taken);
}

function shapeNested(
  type: BodyClass<object> | undefined,
  value: unknown,
  path: string,
  unknown: FieldError[],
): unknown {
  if (!type) return value;
  if (!Array.isArray(value)) return shapeEntry(type, value, path, unknown);
  if (entriesOf(value) > MOST_ENTRIES) throw ValidationFailed.of(fieldName(path), 'TOO_MANY');
  return value.map((entry, at) => shapeEntry(type, entry, `${path}[${at}]`, unknown));
}

function entriesOf(list: readonly unknown[]): number {
  return list.reduce<number>((sum, entry) => sum + 1 + (Array.isArray(entry) ? entriesOf(entry) : 0), 0);
}

function shapeEntry(type: BodyClass<object>, value: unknown, path: string, unknown: FieldError[]): unknown {
  return isJsonObject(value) ? shape(type, value, `${path}.`, unknown) : value;
}

const properties = new WeakMap<object, ReadonlySet<string>>();

/** The properties that carry a rule, inherited ones too. @throws TypeError if a nested one does not say its class. */
function declaredProperties(type: BodyClass<object>): ReadonlySet<string> {
  const known = properties.get(type);
  if (known) return known;
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  for (const rule of rules) {
    if (rule.type === 'nestedValidation' && !nestedType(type, rule.propertyName)) {
      throw new TypeError(`${type.name}.${rule.propertyName}: write @Nested(() => Type) instead of @ValidateNested()`);
    }
  }
  const names = new Set(rules.map((rule) => rule.propertyName));
  properties.set(type, names);
  return names;
}

function nestedType(type: BodyClass<object>, property: string): BodyClass<object> | undefined {
  for (
    let prototype: unknown = type.prototype;
    prototype instanceof Object;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    const found = nested.get(prototype)?.get(property);
    if (found) return found();
  }
  return undefined;
}

function describe(error: ValidationError, path: string): FieldError[] {
  const name = path + (/^\d+$/.test(error.property) ? `[${error.property}]` : `${path && '.'}${error.property}`);
  const children = (error.children ?? []).flatMap((child) => describe(child, name));
  if (!error.constraints) return children;
  return [{ name: fieldName(name), message: codeOf(error) }, ...children];
}

function codeOf(error: ValidationError): string {
  if (error.value === undefined || error.value === null) return 'REQUIRED';
  const constraints = error.constraints ?? {};
  if (Object.keys(constraints).some((rule) => TYPE_RULES.has(rule))) return 'INVALID';
  const codes = Object.entries(constraints).map(([rule, text]) =>
    CODE.test(text) ? text : (CODE_OF_RULE[rule] ?? 'INVALID'),
  );
  return codes.find((code) => code !== 'INVALID') ?? 'INVALID';
}

const CODE = /^[A-Z][A-Z0-9_]*$/;
const TYPE_RULES = new Set(['isString', 'isNumber', 'isInt', 'isBoolean', 'isObject', 'isArray', 'nestedValidation']);
const CODE_OF_RULE: Readonly<Record<string, string>> = {
  maxLength: 'TOO_LONG',
  minLength: 'TOO_SHORT',
  arrayMaxSize: 'TOO_MANY',
  arrayMinSize: 'REQUIRED',
  arrayNotEmpty: 'REQUIRED',
};

/** Names come from the caller and go back to it: cut to something that fits a log line. */
function fieldName(path: string): string {
  return path.length <= 200 ? path : `${path.slice(0, 200)}…`;
}
