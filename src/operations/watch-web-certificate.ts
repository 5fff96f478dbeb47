import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CertificateWatch } from '../trust/certificate-watch.js';
import { CertificatesSeen } from '../trust/certificates-seen.js';
import { FederationAdapter } from './federation-adapter.js';

/** Says to those who watch certificates which one our public listener shows, and when that is another. */
@Injectable()
export class WatchWebCertificate implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly seen: CertificatesSeen,
    private readonly watch: CertificateWatch,
  ) {}

  onModuleInit(): void {
    const { httpAdapter: adapter } = this.host;
    if (!(adapter instanceof FederationAdapter)) return;
    this.seen.ownWebIs(() => adapter.webCertificate?.certificate);
    adapter.onWebCertificate(() => this.watch.wake());
  }
}
