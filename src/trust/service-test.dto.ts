import { ApiProperty } from '@nestjs/swagger';
import { TEST_REASONS, TEST_STEPS, type TestReason, type TestStep } from './service-test-words.js';

/** One step of the way to a peer and back. */
export class TestStepDto {
  @ApiProperty({ enum: TEST_STEPS })
  step: TestStep;
  /** @example true */
  ok: boolean;
  @ApiProperty({ enum: TEST_REASONS, required: false, description: 'Only of a step that failed.' })
  reason?: TestReason;
  /**
   * What was found, or what failed and what to do about it: a sentence for people.
   * @example "cloud2.localhost resolves to 127.0.0.1, ::1"
   */
  detail?: string;
  /**
   * How long the step took.
   * @example 3
   */
  milliseconds: number;
  /**
   * Only of the step `clock`: how far their clock is ahead of ours; negative if it is behind.
   * @example 12
   */
  differenceMilliseconds?: number;
}

/** A relationship, tried now. */
export class TestedServiceDto {
  /** @example true */
  ok: boolean;
  /** @example "2026-11-23T12:00:00.000Z" */
  at: string;
  /** In the order in which they were taken; what comes after a failure may be missing, because it could not be tried. */
  steps: TestStepDto[];
}

/** What the last test of a relationship came to. */
export class LastTestDto {
  /** @example "2026-11-23T12:00:00.000Z" */
  at: string;
  /** @example true */
  ok: boolean;
  @ApiProperty({ enum: TEST_STEPS, required: false, description: 'The first step that failed.' })
  step?: TestStep;
  @ApiProperty({ enum: TEST_REASONS, required: false })
  reason?: TestReason;
}
