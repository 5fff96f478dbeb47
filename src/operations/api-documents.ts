import { type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { OwnCloud } from '../host/own-cloud.js';
import { withErrors } from './api-errors.js';
import { schemasOf } from './api-schemas.js';
import { VERSION } from './version.js';

export const API_GROUPS = ['federation', 'host', 'operator'] as const;
export type ApiGroup = (typeof API_GROUPS)[number];

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;

const TITLES: Record<ApiGroup, string> = {
  federation: 'Federation: what other clouds call',
  host: 'Host: what our file platform calls',
  operator: 'Operator: what our administrators call',
};

/** `mutualTLS` came with OpenAPI 3.1. */
const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'A token of the role that the route asks for' },
  clientCertificate: {
    type: 'mutualTLS',
    description: 'The federation certificate of a trusted service, in the TLS handshake',
  },
};

const VERBS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'] as const;

/** The OpenAPI documents of our routes, made from the controllers when they are first asked for. */
@Injectable()
export class ApiDocuments {
  private app?: INestApplication;
  private readonly made = new Map<ApiGroup | undefined, string>();

  constructor(private readonly cloud: OwnCloud) {}

  /** Documents exist from here on. */
  describe(app: INestApplication): void {
    this.app = app;
  }

  /** The document of a group, or of everything, as JSON; undefined where there are none. */
  json(group?: ApiGroup): string | undefined {
    if (!this.app || this.cloud.options.docs === false) return undefined;
    const json = this.made.get(group) ?? JSON.stringify(this.make(this.app, group));
    this.made.set(group, json);
    return json;
  }

  private make(app: INestApplication, group?: ApiGroup): object {
    const config = new DocumentBuilder()
      .setOpenAPIVersion('3.1.0')
      .setTitle(`${this.cloud.displayName} – ${group ? TITLES[group] : 'all interfaces'}`)
      .setVersion(VERSION)
      .build();
    const document = SwaggerModule.createDocument(app, config, { operationIdFactory });
    const paths = withoutAliases(document.paths).filter(([path]) => !group || groupOf(path) === group);
    const described = Object.fromEntries(paths.map(completed));
    const schemas = schemasOf(described, document.components?.schemas);
    return { ...document, paths: described, components: { schemas, securitySchemes: SECURITY_SCHEMES } };
  }
}

/** By the handler, so that an alias (`create[1]`) has the id of the route that it stands for. */
function operationIdFactory(controller: string, handler: string): string {
  return `${controller.replace(/Controller$/, '')}_${handler.replace(/\[\d+\]$/, '')}`;
}

function groupOf(path: string): ApiGroup {
  if (/^\/admin(?:\/|$)/.test(path)) return 'operator';
  return /^\/api\/v1(?:\/|$)/.test(path) ? 'host' : 'federation';
}

/** A handler that answers under several paths is listed under the first. */
function withoutAliases(paths: OpenAPIObject['paths']): [string, PathItem][] {
  const seen = new Set<string>();
  return Object.entries(paths).flatMap(([path, item]) => {
    const kept: PathItem = { ...item };
    for (const verb of VERBS) {
      const id = `${verb} ${kept[verb]?.operationId}`;
      if (kept[verb] && seen.has(id)) delete kept[verb];
      seen.add(id);
    }
    return VERBS.some((verb) => kept[verb]) ? [[path, kept] satisfies [string, PathItem]] : [];
  });
}

/** Says which credential a route wants, unless its controller did, and how it refuses. */
function completed([path, item]: [string, PathItem]): [string, PathItem] {
  const security = requirementOf(path);
  const isForPeers = security.some((requirement) => 'clientCertificate' in requirement);
  const entries = VERBS.flatMap((verb) => {
    const operation: Operation | undefined = item[verb];
    return operation ? [[verb, { security, ...withErrors(path, operation, isForPeers) }]] : [];
  });
  return [path, { ...item, ...Object.fromEntries(entries) }];
}

function requirementOf(path: string): Record<string, string[]>[] {
  if (groupOf(path) !== 'federation') return [{ bearer: [] }];
  return /^\/(?:federation\/|(?:ocm\/)?(?:shares|notifications)(?:\/|$))/.test(path) ? [{ clientCertificate: [] }] : [];
}
