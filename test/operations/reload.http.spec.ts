import { X509Certificate } from 'node:crypto';
import { Agent, type AgentOptions, request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import { HOST, startTinyApp, type TinyApp } from './tiny-app.js';

const SWAPS = 20;

let tiny: TinyApp;
beforeAll(async () => {
  tiny = await startTinyApp();
});
afterAll(() => tiny.app.close());

/** One verified request; how it ended and which certificate its connection began with. */
function ask(agent: Agent): Promise<{ outcome: number | string; shown?: string }> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port: tiny.port, path: '/health/live', agent, headers: { host: HOST } });
    sent.on('response', (answer) => {
      const shown = (answer.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256;
      answer.resume().on('end', () => resolve({ outcome: answer.statusCode ?? 0, shown }));
    });
    sent.on('error', (error: { code?: string }) => resolve({ outcome: error.code ?? String(error) }));
    sent.end();
  });
}

function agent(options: AgentOptions): Agent {
  return new Agent({ ...options, ca: tiny.authority.certificate, servername: 'cloud1.localhost' });
}

describe('twenty certificates one after the other, under load', () => {
  it('cost no request on connections that are kept, nor on new ones', async () => {
    const kept = agent({ keepAlive: true, maxSockets: 4 });
    const outcomes: Record<string, number> = {};
    const seen = new Set<string | undefined>();
    let swapping = true;
    const load = async (through: () => Agent) => {
      while (swapping) {
        const { outcome, shown } = await ask(through());
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        seen.add(shown);
      }
    };
    const callers = [1, 2].flatMap(() => [load(() => kept), load(() => agent({ keepAlive: false }))]);
    const shown: string[] = [];
    for (let swap = 0; swap < SWAPS; swap++) {
      const next = await tiny.authority.issue('cloud1.localhost');
      const before = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
      tiny.adapter.showWebCertificate({ ...next, privateKey: new Secret(next.privateKey) });
      shown.push(new X509Certificate(next.certificate).fingerprint256);
      const fresh = await ask(agent({ keepAlive: false }));
      expect(fresh).toEqual({ outcome: 200, shown: shown.at(-1) });
      while (Object.values(outcomes).reduce((sum, count) => sum + count, 0) < before + 4) await pause(2);
    }
    swapping = false;
    await Promise.all(callers);
    kept.destroy();
    expect(Object.keys(outcomes)).toEqual(['200']);
    expect(outcomes[200]).toBeGreaterThanOrEqual(SWAPS * 4);
    expect(shown.filter((fingerprint) => seen.has(fingerprint)).length).toBeGreaterThan(SWAPS / 2);
  }, 30_000);
});
