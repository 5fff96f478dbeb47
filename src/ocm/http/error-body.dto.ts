import { ApiProperty } from '@nestjs/swagger';

export class FieldErrorDto {
  @ApiProperty({ description: 'The field as the caller wrote it.', example: 'shareWith' })
  name: string;

  @ApiProperty({ example: 'NOT_FOUND' })
  message: string;
}

/** Every refusal has this shape. */
export class ErrorBodyDto {
  @ApiProperty({ description: 'A stable code.', example: 'VALIDATION_FAILED' })
  message: string;

  @ApiProperty({ type: [FieldErrorDto], required: false, description: 'Only with status 400.' })
  validationErrors?: FieldErrorDto[];
}
