import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildIfStale } from '../support/build.mjs';
import { ROOT } from '../support/repository.mjs';
import { Cloud } from './cloud.mjs';
import { PlatformProcess } from './platform-process.mjs';
import { StepFailed } from './screen.mjs';

/** The two clouds, from nothing to ready, and the file platform of the first one. */
export class Pair {
  /** @param {{ options: ReturnType<import('./options.mjs').parseOptions>, screen: import('./screen.mjs').Screen }} made */
  constructor({ options: { data, ports }, screen }) {
    this.data = data;
    this.screen = screen;
    this.authority = path.join(data, 'dev-ca.crt');
    const [port1, port2] = ports;
    this.cloud1 = new Cloud({ name: 'cloud1', port: port1, data, authority: this.authority, screen });
    this.cloud2 = new Cloud({ name: 'cloud2', port: port2, data, authority: this.authority, screen });
    this.platform = new PlatformProcess({ cloud: this.cloud1, data, authority: this.authority, screen });
  }

  get clouds() {
    return [this.cloud1, this.cloud2];
  }

  /**
   * Ports, build, development authority, two processes: each a step of its own.
   * @param {typeof buildIfStale} build
   */
  async rise(build = buildIfStale) {
    const { screen } = this;
    await screen.step('the ports are free', async () => {
      for (const cloud of this.clouds) await cloud.claimPort();
      screen.detail(this.clouds.map(({ port }) => port).join(', '));
    });
    await screen.step('the server is built', async () => {
      screen.detail('compiling what has changed …');
      const { built, ok, output } = await build();
      if (!ok) throw new StepFailed(`the build failed:\n${output}`);
      screen.detail(built ? 'dist/ is new' : 'dist/ was up to date');
    });
    await screen.step('the web certificates have an authority', async () => {
      const module = path.join(ROOT, 'dist/standalone/development-certificates.js');
      const { keepDevelopmentAuthority } = await import(pathToFileURL(module).href);
      await keepDevelopmentAuthority(this.data);
      screen.detail(this.authority);
    });
    await screen.step('two clouds start, each a process with a database of its own', () => this.start());
  }

  async start() {
    const { screen } = this;
    for (const cloud of this.clouds) cloud.start();
    await Promise.all(
      this.clouds.map(async (cloud) => {
        screen.detail(`${cloud.name} is process ${cloud.server.pid}; its log is ${cloud.logFile}`);
        await screen.until(`${cloud.name} to be ready`, () => cloud.isReady(), 60);
        screen.call({ from: 'demo', to: cloud.name, method: 'GET', path: '/health/ready', status: 200 });
      }),
    );
  }

  /** Needs cloud 1, and asks it for a token. */
  async openPlatform() {
    await this.screen.step('a file platform opens beside cloud1, a process of its own', () => this.platform.open());
  }

  /** The platform stays as it is: it keeps nothing that a cloud has said. */
  async stopClouds() {
    await Promise.all(this.clouds.map((cloud) => cloud.stop()));
  }

  async stop() {
    await Promise.all([this.platform.stop(), this.stopClouds()]);
  }

  /** Resolves to a sentence when one of them ends by itself. */
  async died() {
    return Promise.race(
      [...this.clouds, this.platform].map(async ({ name, server }) => {
        const how = await server.ended;
        return server.diedBecause ? `${name} is gone: ${how}` : new Promise(() => undefined);
      }),
    );
  }
}
