import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, vi } from 'vitest';
import { PeerClient } from '../../src/transport/peer-client.js';
import { TransportModule } from '../../src/transport/transport.module.js';
import { TransportSettings } from '../../src/transport/transport-settings.js';
import { lab } from './fixture.js';

@Module({ providers: [{ provide: 'lab', useValue: lab() }], exports: ['lab'] })
class LabModule {}

describe('the transport module', () => {
  it('gives everybody one client made from the settings, and closes it at shutdown', async () => {
    const useFactory = vi.fn((settings: TransportSettings) => settings);
    const transport = TransportModule.forRootAsync({ imports: [LabModule], inject: ['lab'], useFactory });
    const app = await Test.createTestingModule({ imports: [transport] }).compile();
    const close = vi.spyOn(app.get(PeerClient), 'close');
    expect(useFactory).toHaveBeenCalledTimes(1);
    await app.close();
    expect(close).toHaveBeenCalledTimes(1);
  });
});

describe('the settings', () => {
  it('default to the limits that are documented', () => {
    expect(new TransportSettings()).toMatchObject({
      deadlineMs: 10_000,
      connectMs: 5_000,
      maxBodyBytes: 1_048_576,
      maxHeaderBytes: 65_536,
      extraRoots: [],
    });
  });

  it('are refused with a root that cannot be read', () => {
    expect(() => new TransportSettings({ extraRoots: ['nonsense'] })).toThrow('no PEM certificate');
  });
});
