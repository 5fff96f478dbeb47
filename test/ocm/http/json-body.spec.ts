import { IsArray, IsBoolean, IsInt, IsOptional, IsString, MaxLength, MinLength, ValidateNested } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { JsonBody, type JsonBodyOptions } from '../../../src/ocm/http/json-body.pipe.js';
import { RawBody } from '../../../src/ocm/http/raw-body.js';
import { MaxBytes } from '../../../src/ocm/validation/text-rules.js';
import { Nested } from '../../../src/ocm/validation/validate-body.js';
import { refusal, refusedFields } from '../support.js';

class Policy {
  @IsBoolean()
  implicitAcceptance: boolean;

  get isStrict(): boolean {
    return !this.implicitAcceptance;
  }
}

class Base {
  @IsString()
  @MinLength(2)
  @MaxLength(10)
  url: string;
}

class AddService extends Base {
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  @MaxBytes(5, { each: true })
  domains?: string[];

  @IsOptional()
  @Nested(() => Policy)
  policy?: Policy;

  @IsOptional()
  @Nested(() => Policy)
  policies?: Policy[];

  @IsOptional()
  @IsInt()
  attempts?: number;
}

const json = (value: unknown) => new RawBody(Buffer.from(JSON.stringify(value)), false, 'application/json', undefined);
const read = (value: unknown, options?: JsonBodyOptions) => JsonBody.of(AddService, options).transform(json(value));

describe('a JSON body with a declared class', () => {
  it('arrives as an instance of it, nested classes too', () => {
    const body = read({
      url: 'b.de',
      domains: ['a', 'b'],
      policy: { implicitAcceptance: false },
      policies: [{ implicitAcceptance: true }],
    });
    expect(body).toBeInstanceOf(AddService);
    expect(body.url).toBe('b.de');
    expect(body.domains).toEqual(['a', 'b']);
    expect(body.policy?.isStrict).toBe(true);
    expect(body.policies?.[0]?.isStrict).toBe(false);
  });

  it('may not have properties that are not declared, at any depth', () => {
    const body = {
      url: 'b.de',
      extra: 1,
      constructor: 2,
      policy: { implicitAcceptance: true, x: 1 },
      policies: [{ implicitAcceptance: true, y: 1 }],
    };
    expect(refusedFields(() => read(body)).sort()).toEqual([
      'constructor: UNKNOWN',
      'extra: UNKNOWN',
      'policies[0].y: UNKNOWN',
      'policy.x: UNKNOWN',
    ]);
  });

  it('may have them where they are to be ignored, and they go nowhere', () => {
    const body = read(
      { url: 'b.de', extra: 1, policy: { implicitAcceptance: true, x: 1 } },
      { unknownProperties: 'ignore' },
    );
    expect(Object.keys(body)).not.toContain('extra');
    expect(Object.keys(body.policy ?? {})).toEqual(['implicitAcceptance']);
  });

  it('is refused with one stable word for each field', () => {
    const body = { url: 'x'.repeat(11), domains: ['a', 5], policy: 'strict', policies: [{}, 7], attempts: '3' };
    expect(refusedFields(() => read(body)).sort()).toEqual([
      'attempts: INVALID',
      'domains: INVALID',
      'policies[0].implicitAcceptance: REQUIRED',
      'policies[1]: INVALID',
      'policy: INVALID',
      'url: TOO_LONG',
    ]);
    expect(refusedFields(() => read({ url: 'x' }))).toEqual(['url: TOO_SHORT']);
    expect(refusedFields(() => read({ url: null }))).toEqual(['url: REQUIRED']);
    expect(refusedFields(() => read({ url: 5 }))).toEqual(['url: INVALID']);
    expect(refusedFields(() => read([]))).toEqual(['body: INVALID']);
  });

  it('is never converted', () => {
    expect(refusedFields(() => read({ url: 12 }))).toEqual(['url: INVALID']);
    expect(refusedFields(() => read({ url: 'b.de', attempts: true }))).toEqual(['attempts: INVALID']);
  });

  it('may be missing only where that is allowed', () => {
    class Nothing {
      @IsOptional()
      @IsString()
      fingerprint?: string;
    }
    const pipe = JsonBody.of(Nothing, { emptyBody: 'allow' });
    expect(pipe.transform(undefined)).toBeInstanceOf(Nothing);
    expect(pipe.transform(new RawBody(Buffer.alloc(0), false, undefined, undefined))).toBeInstanceOf(Nothing);
    expect(refusal(() => pipe.transform(new RawBody(Buffer.alloc(0), true, 'application/json', undefined))).kind).toBe(
      'too-large',
    );
    expect(refusal(() => JsonBody.of(Nothing).transform(undefined)).kind).toBe('unsupported-media');
  });

  it('must say the classes of what is nested', () => {
    class Careless {
      @ValidateNested()
      policy: Policy;
    }
    expect(() => JsonBody.of(Careless).transform(json({ policy: {} }))).toThrow(/@Nested/);
  });

  it('lists at most a hundred refused fields', () => {
    const body = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`k${at}`, 1]));
    expect(refusedFields(() => read({ ...body, url: 'b.de' }))).toHaveLength(100);
  });
});
