import { ApiProperty } from '@nestjs/swagger';

export class SelfCertificateDto {
  /** What peers pin, and what operators compare over the telephone. */
  @ApiProperty({ example: 'sha256:3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' })
  fingerprint: string;

  @ApiProperty({ format: 'date-time', example: '2027-11-23T12:00:00.000Z' })
  notAfter: string;
}

export class ShownCertificateDto {
  @ApiProperty({ example: 'sha256:3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' })
  fingerprint: string;

  @ApiProperty({ format: 'date-time', example: '2027-11-23T12:00:00.000Z' })
  until: string;
}

export class SelfDto {
  @ApiProperty({ example: '0.1.0' })
  version: string;

  @ApiProperty({ example: 'https://cloud1.localhost:8441', description: 'Our identity' })
  origin: string;

  @ApiProperty({ example: 'https://cloud1.localhost:8441', description: "Where peers' calls arrive" })
  endpoint: string;

  @ApiProperty({ example: 'cloud1.localhost' })
  displayName: string;

  @ApiProperty({ type: [String], example: ['cloud1.localhost'] })
  domains: readonly string[];

  @ApiProperty({ type: SelfCertificateDto, description: 'The federation certificate, as `federationCertificate`' })
  certificate: SelfCertificateDto;

  @ApiProperty({ type: ShownCertificateDto, description: 'What peers pin' })
  federationCertificate: ShownCertificateDto;

  @ApiProperty({
    type: ShownCertificateDto,
    nullable: true,
    description: 'What this node shows on the public listener; null where a proxy ends TLS',
  })
  webCertificate: ShownCertificateDto | null;

  @ApiProperty({ example: 'v22.23.4' })
  node: string;

  @ApiProperty({ example: 3600, description: 'Seconds since the process started' })
  uptime: number;
}
