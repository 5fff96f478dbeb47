import { IsISO8601 } from 'class-validator';
import { textRule } from './text-rules.js';

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** A moment in ISO 8601 that is a date and a time with its zone: a bare date or a week means something else to everybody. */
export function IsMoment(): PropertyDecorator {
  const iso = IsISO8601({ strict: true, strictSeparator: true });
  const shape = textRule('isMoment', 'INVALID', (text) => MOMENT.test(text) && !Number.isNaN(Date.parse(text)));
  return (prototype, property) => {
    iso(prototype, property);
    shape(prototype, property);
  };
}
