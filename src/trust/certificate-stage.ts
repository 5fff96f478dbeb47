const DAY_MS = 86_400_000;

/** Days before its end at which a certificate is told of, and from which of them on it is critical. */
const DAYS = [1, 7, 14, 30] as const;
const CRITICAL_DAYS = 7;

/** How near its end a certificate is. */
export interface CertificateStage {
  /** `30`, `14`, `7`, `1`, or `ended`. */
  readonly stage: string;
  readonly level: 'warning' | 'critical';
  /** Whole days that are left; 0 on the last day and after. */
  readonly days: number;
}

/** Undefined while more than 30 days are left. At exactly so many days it is told; on the second of its end it still holds. */
export function certificateStage(until: Date, now: Date): CertificateStage | undefined {
  const left = until.getTime() - now.getTime();
  if (left < 0) return { stage: 'ended', level: 'critical', days: 0 };
  const reached = DAYS.find((days) => left <= days * DAY_MS);
  if (reached === undefined) return undefined;
  const level = reached <= CRITICAL_DAYS ? 'critical' : 'warning';
  return { stage: String(reached), level, days: Math.floor(left / DAY_MS) };
}
