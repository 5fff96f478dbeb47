import { HttpAdapterHost } from '@nestjs/core';
import type { TestCloud } from '../support/cloud.js';

/** A route as the running server has it: with every alias, and with methods that nobody wrote down. */
export interface LiveRoute {
  /** Such as `/ocm/shares/:id`. */
  readonly path: string;
  readonly methods: readonly string[];
}

/** The routes of a running cloud, read from its router. */
export function liveRoutes(cloud: TestCloud): LiveRoute[] {
  const router = cloud.get(HttpAdapterHost).httpAdapter.getInstance() as { printRoutes(options: object): string };
  const tree = router.printRoutes({ commonPrefix: false });
  const parts: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const found = /^([│ ]*)[├└]── (\S+)(?: \((.+)\))?$/.exec(line);
    if (!found) return [];
    const [, indent = '', part = '', methods] = found;
    parts.splice(indent.length / 4, parts.length, part);
    return methods ? [{ path: parts.join(''), methods: methods.split(', ') }] : [];
  });
}
