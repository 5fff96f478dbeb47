import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Get, Header, Param, Query, StreamableFile } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { ForAnyone } from '../access/audience.js';
import { NotFound } from '../kernel/federation-error.js';
import { API_GROUPS, ApiDocuments, type ApiGroup } from './api-documents.js';
import { DOCS_POLICY } from './security-headers.js';

/** The files of Swagger UI that our page needs; nothing else of the package is served. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'index.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui-standalone-preset.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** Links are relative to `/docs`, so that the page works below a prefix too. */
const PAGE = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Entente – interfaces</title>
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<link rel="stylesheet" href="docs/assets/index.css">
<link rel="icon" type="image/png" href="docs/assets/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/assets/swagger-ui-standalone-preset.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

/** Where the documents lie is fixed here: `?url=` and `?configUrl=` of the page's address are not read. */
const START = `window.ui = SwaggerUIBundle({
  urls: ${JSON.stringify(API_GROUPS.map((group) => ({ url: `docs-json?group=${group}`, name: title(group) })))},
  dom_id: '#swagger-ui',
  deepLinking: true,
  queryConfigEnabled: false,
  persistAuthorization: false,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: 'StandaloneLayout',
});
`;

/** Swagger UI and the documents that it shows. */
@ApiExcludeController()
@Controller()
@ForAnyone()
export class DocsController {
  constructor(private readonly documents: ApiDocuments) {}

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', DOCS_POLICY)
  page(): string {
    this.documentOf();
    return PAGE;
  }

  @Get('docs/start.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  start(): string {
    this.documentOf();
    return START;
  }

  @Get('docs/assets/:name')
  @Header('cache-control', 'public, max-age=86400')
  async asset(@Param('name') name: string): Promise<StreamableFile> {
    this.documentOf();
    const type = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
    if (!type) throw new NotFound();
    return new StreamableFile(await readFile(join(assetsFolder(), name)), { type });
  }

  @Get('docs-json')
  @Header('content-type', 'application/json; charset=utf-8')
  json(@Query('group') group?: unknown): string {
    if (group !== undefined && !isGroup(group)) throw new NotFound();
    return this.documentOf(group);
  }

  private documentOf(group?: ApiGroup): string {
    const json = this.documents.json(group);
    if (json === undefined) throw new NotFound('the documents are switched off');
    return json;
  }
}

function isGroup(group: unknown): group is ApiGroup {
  return API_GROUPS.some((known) => known === group);
}

function title(group: ApiGroup): string {
  return group.charAt(0).toUpperCase() + group.slice(1);
}

/** Swagger UI comes with @nestjs/swagger, and lies where that finds it. */
function assetsFolder(): string {
  const ofNest = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'));
  return dirname(ofNest.resolve('swagger-ui-dist/package.json'));
}
