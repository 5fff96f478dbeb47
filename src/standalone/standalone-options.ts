/** What the adapters of the standalone server need to know. */
export class StandaloneOptions {
  constructor(
    /** Domains that usernames may lie in. */
    readonly domains: readonly string[],
    /** What accounts can share lies here: `<username>/<resourceId>`. */
    readonly resourcesDir: string,
  ) {}
}
