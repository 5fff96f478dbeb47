/** Name of our TypeORM connection: a host keeps its own default connection beside it. */
export const CONNECTION = 'federation';
/** The one schema that holds our tables. */
export const SCHEMA = 'federation';
