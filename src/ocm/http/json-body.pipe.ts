import type { PipeTransform } from '@nestjs/common';
import { type BodyClass, type BodyRules, validateBody } from '../validation/validate-body.js';
import { isEmptyBody, readJsonBody } from './read-json-body.js';

export interface JsonBodyOptions extends Partial<BodyRules> {
  /** What a request without a body means: a mistake (the default), or an object without properties. */
  readonly emptyBody?: 'refuse' | 'allow';
}

/**
 * Reads the body of a route that is no OCM call: `@Body(JsonBody.of(AddServiceDto)) body: AddServiceDto`. Properties that
 * the class does not declare are refused unless the options say otherwise.
 */
export class JsonBody<T extends object> implements PipeTransform<unknown, T> {
  private constructor(
    private readonly type: BodyClass<T>,
    private readonly options: JsonBodyOptions,
  ) {}

  static of<T extends object>(type: BodyClass<T>, options: JsonBodyOptions = {}): JsonBody<T> {
    return new JsonBody(type, options);
  }

  /** @throws FederationError of kind `unsupported-media`, `too-large` or `invalid`. */
  transform(body: unknown): T {
    const json = this.options.emptyBody === 'allow' && isEmptyBody(body) ? {} : readJsonBody(body);
    return validateBody(this.type, json, { unknownProperties: this.options.unknownProperties ?? 'refuse' });
  }
}
