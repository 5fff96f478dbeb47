import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiExtraModels, getSchemaPath } from '@nestjs/swagger';
import { NotificationDto } from '../v0.0.3/notification.dto.js';
import { PlainShareDto, PowerFolderShareDto } from '../v0.0.3/share.dto.js';

const POWERFOLDER_SHARE = {
  shareId: '5a251569506eb81f477a67dd',
  owner: 'alice@cloud1.localhost',
  shareWith: 'bob@cloud2.localhost',
  permission: 'read_write',
  name: 'foo',
  description: 'foobar',
  providerId: 'cec0c932ce01',
  protocol: [{ name: 'pf_classic', options: { access_token: 'foobar9000' } }],
};

const PLAIN_SHARE = {
  shareWith: 'bob@cloud2.localhost',
  owner: 'alice@cloud1.localhost',
  name: 'Field notes',
  providerId: 'fold-7f31',
  protocol: { name: 'webdav', options: { access_token: 's3cr3t', permissions: 15 } },
};

/** Documents the body of `POST /shares`, which `@OcmShare()` reads: either flavour. */
export function ApiShareBody(): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ApiExtraModels(PowerFolderShareDto, PlainShareDto),
    ApiBody({
      required: true,
      schema: { anyOf: [{ $ref: getSchemaPath(PowerFolderShareDto) }, { $ref: getSchemaPath(PlainShareDto) }] },
      examples: {
        powerfolder: { summary: 'PowerFolder flavour', value: POWERFOLDER_SHARE },
        plain: { summary: 'Plain OCM 0.0.3', value: PLAIN_SHARE },
      },
    }),
  );
}

/** Documents the body of `POST /notifications`, which `@OcmNotification()` reads. */
export function ApiNotificationBody(): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ApiBody({
      type: NotificationDto,
      required: true,
      examples: {
        accepted: { value: { type: 'SHARE_ACCEPTED', shareId: '5a251569506eb81f477a67dd', sequence: 1 } },
        permission: {
          value: {
            type: 'SHARE_PERMISSION_CHANGED',
            shareId: '5a251569506eb81f477a67dd',
            permission: 'read',
            sequence: 2,
          },
        },
      },
    }),
  );
}
