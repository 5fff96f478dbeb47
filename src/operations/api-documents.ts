import { Injectable } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { AUDIENCE_EXTENSION } from '../access/federation-route.js';
import { OwnCloud } from '../host/own-cloud.js';
import { withErrors } from './api-errors.js';
import { schemasOf } from './api-schemas.js';
import { ownRoutesOf } from './own-controllers.js';
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

/** The OpenAPI documents of our routes and of no host's, made from the controllers when they are first asked for. */
@Injectable()
export class ApiDocuments {
  private readonly made = new Map<ApiGroup | undefined, string>();

  constructor(
    private readonly cloud: OwnCloud,
    private readonly modules: ModulesContainer,
    private readonly http: HttpAdapterHost,
  ) {}

  /** The document of a group, or of everything, as JSON; undefined where there are none. */
  json(group?: ApiGroup): string | undefined {
    if (this.cloud.options.docs === false) return undefined;
    const json = this.made.get(group) ?? JSON.stringify(this.make(group));
    this.made.set(group, json);
    return json;
  }

  private make(group?: ApiGroup): object {
    const config = new DocumentBuilder()
      .setOpenAPIVersion('3.1.0')
      .setTitle(`${this.cloud.displayName} – ${group ? TITLES[group] : 'all interfaces'}`)
      .setVersion(VERSION)
      .build();
    const ours = ownRoutesOf(this.modules, this.http.httpAdapter);
    const document = SwaggerModule.createDocument(ours, config, { operationIdFactory });
    const described = Object.fromEntries(withoutAliases(document.paths).flatMap((path) => completed(path, group)));
    const schemas = schemasOf(described, document.components?.schemas);
    return { ...document, paths: described, components: { schemas, securitySchemes: SECURITY_SCHEMES } };
  }
}

/** By the handler, so that an alias (`create[1]`) has the id of the route that it stands for. */
function operationIdFactory(controller: string, handler: string): string {
  return `${controller.replace(/Controller$/, '')}_${handler.replace(/\[\d+\]$/, '')}`;
}

function groupOf(audience: unknown): ApiGroup | undefined {
  if (audience === 'operator' || audience === 'host') return audience;
  return audience === undefined ? undefined : 'federation';
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

/** Of a path, what belongs to the group; nothing that is not ours. Says of each which credential it wants, and how it refuses. */
function completed([path, item]: [string, PathItem], group?: ApiGroup): [string, PathItem][] {
  const entries = VERBS.flatMap((verb) => {
    const { [AUDIENCE_EXTENSION]: audience, ...operation } = { ...item[verb] } as Operation & Record<string, unknown>;
    const itsGroup = groupOf(audience);
    if (!itsGroup || (group && group !== itsGroup)) return [];
    const security = requirementOf(audience);
    return [[verb, { security, ...withErrors(path, operation, 'clientCertificate' in (security[0] ?? {})) }]];
  });
  return entries.length > 0 ? [[path, Object.fromEntries(entries)]] : [];
}

function requirementOf(audience: unknown): Record<string, string[]>[] {
  if (audience === 'anyone') return [];
  return groupOf(audience) === 'federation' ? [{ clientCertificate: [] }] : [{ bearer: [] }];
}
