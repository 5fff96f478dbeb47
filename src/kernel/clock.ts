/** The process's time, injectable. What nodes must agree on (expiry, leases) is decided by the database's clock instead. */
export abstract class Clock {
  abstract now(): Date;
}

export class SystemClock extends Clock {
  now(): Date {
    return new Date();
  }
}
