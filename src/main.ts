import 'reflect-metadata';
import { stopWithProcess } from './index.js';
import { describeFailure, describeStart } from './standalone/describe-start.js';
import { readEnvironment } from './standalone/environment.js';
import { type RunningStandalone, startStandalone } from './standalone/start-standalone.js';

// From the first moment on: a renewal that tells us while we start must not end us.
let server: RunningStandalone | undefined;
process.on('SIGHUP', () => void server?.reload());

try {
  server = await startStandalone(readEnvironment());
  stopWithProcess(server, server.federation.logger);
  console.log(await describeStart(server));
} catch (error) {
  console.error(describeFailure(error));
  process.exit(1);
}
