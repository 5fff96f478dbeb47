import { readFileSync, statSync } from 'node:fs';

/** The operating-system account that the database server runs under; empty where it is simply ours. */
export interface ServerAccount {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * PostgreSQL refuses to run as root. Started by root, it runs as whoever owns the cluster already, else as `postgres`,
 * else as `nobody`.
 */
export function serverAccount(cluster: string): ServerAccount {
  if (process.getuid?.() !== 0) return {};
  const owner = statSync(cluster, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return named('postgres') ?? named('nobody') ?? { uid: 65_534, gid: 65_534 };
}

function named(name: string): ServerAccount | undefined {
  const rows = readFileSync('/etc/passwd', 'utf8').split('\n');
  const [, , uid, gid] = rows.find((row) => row.startsWith(`${name}:`))?.split(':') ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}
