import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE, AUDIENCES } from '../../src/access/audience.js';
import { JsonBody } from '../../src/ocm/http/json-body.pipe.js';
import { NotificationPipe, SharePipe } from '../../src/ocm/http/ocm-body.pipe.js';
import { allRoutes, type Route } from './routes.js';

/** Reads: an answer that was remembered would let a dead token in. */
const INTROSPECTION = '/api/v1/access/introspect';

/** Peer routes that mean something without a body. */
const BODILESS = ['POST /federation/ping'];

/** Pipes that read a body strictly and make a DTO or a meaning of it. */
const BODY_PIPES = [JsonBody, SharePipe, NotificationPipe];

describe('routes', () => {
  let routes: Route[];
  beforeAll(async () => {
    routes = await allRoutes();
  });

  const spelled = ({ method, path, handler }: Route) => `${method} ${path} (${handler})`;
  const forPeers = ({ metadata }: Route) => ['peer', 'stranger'].includes(String(metadata(AUDIENCE)));

  it('are found at all', () => {
    expect(routes.map(({ method, path }) => `${method} ${path}`)).toEqual(
      expect.arrayContaining(['POST /shares', 'POST /notifications', 'POST /admin/services', 'GET /health/ready']),
    );
  });

  it('each say whom they answer', () => {
    const silent = routes.filter(({ metadata }) => !AUDIENCES.some((name) => name === metadata(AUDIENCE)));
    expect(silent.map(spelled)).toEqual([]);
  });

  it('bring a guard along, unless they answer anyone', () => {
    const open = routes.filter(({ metadata }) => metadata(AUDIENCE) !== 'anyone' && !metadata(GUARDS_METADATA));
    expect(open.map(spelled)).toEqual([]);
  });

  it('answer anyone only where nothing is asked and nothing changes', () => {
    const writing = routes.filter(({ method, metadata }) => metadata(AUDIENCE) === 'anyone' && method !== 'GET');
    expect(writing.map(spelled)).toEqual([]);
  });

  it('say by their path whose interface they belong to', () => {
    const expected = (path: string) => {
      if (path.startsWith('/admin/')) return ['operator'];
      if (path.startsWith('/api/')) return ['host'];
      // Where our listener for peers is: read before anybody knows anybody.
      if (path === '/federation') return ['anyone'];
      if (/^\/(?:health|docs|docs-json)(?:\/|$)/.test(path)) return ['anyone'];
      return ['peer', 'stranger'];
    };
    const odd = routes.filter(({ path, metadata }) => !expected(path).includes(String(metadata(AUDIENCE))));
    expect(odd.map(spelled)).toEqual([]);
  });

  it('of the host take an Idempotency-Key wherever something is posted that has an effect', () => {
    const named = (parameters: unknown) =>
      Array.isArray(parameters) && parameters.some((one: { name?: string }) => one.name === 'Idempotency-Key');
    const without = routes
      .filter(({ method, metadata }) => method === 'POST' && metadata(AUDIENCE) === 'host')
      .filter(({ path }) => path !== INTROSPECTION)
      .filter(({ metadata }) => !named(metadata('swagger/apiParameters')));
    expect(without.map(spelled)).toEqual([]);
  });

  it('read the body of whatever a peer writes through a pipe of ours', () => {
    const unread = routes
      .filter(forPeers)
      .filter(({ method, path }) => method !== 'GET' && !BODILESS.includes(`${method} ${path}`))
      .filter(({ pipes }) => !pipes.some((pipe) => BODY_PIPES.some((type) => pipe instanceof type)));
    expect(unread.map(spelled)).toEqual([]);
  });
});
