import { ApiProperty } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import { IsMoment } from '../ocm/validation/moment.js';

export class RotateDto {
  /**
   * When the new key is used at the latest, ISO 8601: an hour to 30 days ahead. Left out: in seven days.
   */
  @ApiProperty({ required: false, format: 'date-time' })
  @ValidateIf((_, value) => value !== undefined)
  @IsMoment()
  switchBy?: string;
}

/** A peer that does not know the new key. Once it is used, its operator has to re-approve us. */
export class WaitingPeerDto {
  /** @example "kJ2mX1s0vQw9ZbT4yL7cR3nD" */
  service: string;
  /** @example "https://cloud2.localhost:8442" */
  origin: string;
  /**
   * Why: `by-hand` (trusted without a handshake, give it the certificate yourself), `not-tried`, how the last attempt failed,
   * or the code of the peer's refusal.
   * @example "connect"
   */
  reason: string;
}

/** A change of our own key. */
export class RotationDto {
  @ApiProperty({ enum: ['running', 'switched', 'cancelled'], example: 'running' })
  state: 'running' | 'switched' | 'cancelled';
  /**
   * Of the key that peers see now.
   * @example "sha256:m5cVbQ0fXo1s7sJfJm3vZt4oWfQmTqk8kq0a1b2c3d4"
   */
  fingerprint: string;
  /**
   * Of the key that this rotation is about.
   * @example "sha256:GKaqLM1UY6xCYF4eLG_h-MwcdxwR4PCHTPXRpa0Xr3k"
   */
  next: string;
  /** Its certificate, PEM: what peers that are told by hand need. */
  certificate: string;
  /** @example "2026-12-01T12:00:00.000Z" */
  switchBy: string;
  /** @example "2026-11-24T12:00:00.000Z" */
  startedAt: string;
  /**
   * When it was switched or cancelled.
   * @example null
   */
  endedAt: string | null;
  /**
   * How many peers know the new key.
   * @example 3
   */
  told: number;
  waiting: WaitingPeerDto[];
}
