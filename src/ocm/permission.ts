/**
 * What a recipient may do with a share, lowest first; each implies the ones before it. Ownership never travels between
 * clouds, so there is no word for it here.
 */
export const PERMISSIONS = ['read', 'read_write', 'admin'] as const;
export type Permission = (typeof PERMISSIONS)[number];

export function isPermission(word: unknown): word is Permission {
  return PERMISSIONS.some((permission) => permission === word);
}

/** 0 for `read`, 1 for `read_write`, 2 for `admin`. */
function permissionRank(permission: Permission): number {
  return PERMISSIONS.indexOf(permission);
}

export function permissionAtLeast(held: Permission, needed: Permission): boolean {
  return permissionRank(held) >= permissionRank(needed);
}
