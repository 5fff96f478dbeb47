import { getMetadataStorage } from 'class-validator';

type Rule = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];
type Check = (value: unknown, object: object) => boolean;

/** The rules of one property: if a condition does not hold, none of them counts. */
interface Property {
  readonly name: string;
  readonly conditions: readonly Check[];
  readonly checks: readonly Check[];
}

const compiled = new WeakMap<object, readonly Property[]>();

/**
 * Whether every rule of the object's class holds, and of the objects in it: the same functions that class-validator calls,
 * without the lists and reports that it makes on the way, which take most of its time. Almost every body is valid. False
 * means only that class-validator has to look: it alone says what is wrong, and knows kinds of rules that are not known here.
 */
export function looksValid(object: object): boolean {
  const properties = compiled.get(object.constructor) ?? compile(object.constructor);
  return properties.length > 0 && properties.every((property) => isPropertyValid(property, object));
}

function isPropertyValid({ name, conditions, checks }: Property, object: object): boolean {
  const value: unknown = object[name as keyof object];
  return !conditions.every((holds) => holds(value, object)) || checks.every((holds) => holds(value, object));
}

function compile(type: object): readonly Property[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type as () => void, '', false, false);
  const names = [...new Set(rules.map(({ propertyName }) => propertyName))];
  const properties = names.map((name): Property => {
    const own = rules.filter(({ propertyName }) => propertyName === name);
    return {
      name,
      conditions: own.filter(isCondition).map(
        ({ constraints }) =>
          (value, object) =>
            constraints[0](object, value),
      ),
      checks: own.filter((rule) => !isCondition(rule)).flatMap(checksOf),
    };
  });
  compiled.set(type, properties);
  return properties;
}

function isCondition({ type }: Rule): boolean {
  return type === 'conditionalValidation';
}

function checksOf(rule: Rule): Check[] {
  if (rule.type === 'nestedValidation') return [isNestedValid];
  const isKnown = rule.type === 'customValidation' || rule.type === 'isDefined';
  if (!isKnown || rule.validateIf) return [() => false];
  return getMetadataStorage()
    .getTargetValidatorConstraints(rule.constraintCls)
    .map(({ instance }) => {
      const { propertyName: property, constraints } = rule;
      const holds: Check = (value, object) =>
        instance.validate(value, { targetName: object.constructor.name, property, object, value, constraints }) ===
        true;
      return rule.each ? (value, object) => Array.isArray(value) && value.every((item) => holds(item, object)) : holds;
    });
}

function isNestedValid(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((item) => item === undefined || isNestedValid(item));
  return value === undefined || (typeof value === 'object' && value !== null && looksValid(value));
}
