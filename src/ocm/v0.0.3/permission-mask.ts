import type { Permission } from '../permission.js';
import { isWholeNumber } from '../validation/text-rules.js';

const READ = 1;
const UPDATE = 2;
const CREATE = 4;
const DELETE = 8;
const SHARE = 16;
const ALL = READ | UPDATE | CREATE | DELETE | SHARE;

/** How each permission is written as a bit mask: everything it allows. */
export const MASK_OF: Readonly<Record<Permission, number>> = {
  read: READ,
  read_write: READ | UPDATE | CREATE | DELETE,
  admin: ALL,
};

/** The highest permission that a mask fully covers; undefined for a mask without the right to read, or with unknown bits. */
export function permissionOfMask(mask: unknown): Permission | undefined {
  if (!isWholeNumber(mask, READ, ALL) || (mask & READ) === 0) return undefined;
  if (mask === ALL) return 'admin';
  const write = UPDATE | CREATE;
  return (mask & write) === write ? 'read_write' : 'read';
}
