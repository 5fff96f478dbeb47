import 'reflect-metadata';
import { stopWithProcess } from './index.js';
import { describeFailure, describeStart } from './standalone/describe-start.js';
import { readEnvironment } from './standalone/environment.js';
import { startStandalone } from './standalone/start-standalone.js';

try {
  const running = await startStandalone(readEnvironment());
  stopWithProcess(running, running.federation.logger);
  console.log(await describeStart(running));
} catch (error) {
  console.error(describeFailure(error));
  process.exit(1);
}
