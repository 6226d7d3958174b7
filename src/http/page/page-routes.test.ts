import { describe, expect, test } from 'bun:test'
import { findRepositoryName } from '../../oci/name.ts'
import { findTag } from '../../oci/reference.ts'
import { parseTarget } from '../request/target.ts'
import { findPageRoute } from './page-routes.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

function routeOf(path: string, { accept = BROWSER, method = 'GET', prefix = '' } = {}) {
  const request = new Request(`http://registry.test${path}`, { method, headers: { accept } })
  const { query, ...route } = { query: undefined, ...findPageRoute(request, parseTarget(request.url), prefix) }
  return route
}

describe('/ is', () => {
  test.each([
    [BROWSER, { resource: 'page-repositories', below: '' }],
    ['text/html', { resource: 'page-repositories', below: '' }],
    ['application/json, Text/HTML;q=0.1', { resource: 'page-repositories', below: '' }],
    ['*/*', {}],
    ['text/*', {}],
    ['application/json', {}],
    ['', {}],
  ])('for Accept %p %p', (accept, route) => {
    expect(routeOf('/', { accept })).toEqual(route as object)
  })

  test('no page for what changes something', () => {
    expect(routeOf('/', { method: 'POST' })).toEqual({})
    expect(routeOf('/', { method: 'HEAD' })).toEqual({ resource: 'page-repositories', below: '' } as object)
  })
})

test.each([
  ['/ui', { resource: 'page-repositories', below: '' }],
  ['/ui/', { resource: 'page-repositories', below: '' }],
  ['/ui/team/', { resource: 'page-repositories', below: 'team/' }],
  ['/ui/team/app/', { resource: 'page-repositories', below: 'team/app/' }],
  ['/ui/team/app', { resource: 'page-repository', repository: 'team/app' }],
  ['/ui/team/app:v1', { resource: 'page-image', repository: 'team/app', reference: 'v1' }],
  ['/ui/team/app%3Av1', { resource: 'page-image', repository: 'team/app', reference: 'v1' }],
  ['/ui/team/app:v1/history', { resource: 'page-history', repository: 'team/app', reference: 'v1' }],
  [`/ui/team/app@${DIGEST}`, { resource: 'page-image', repository: 'team/app', reference: DIGEST }],
  [`/ui/a@${DIGEST}/manifest`, { resource: 'page-content', repository: 'a', reference: DIGEST, part: 'manifest' }],
  [`/ui/a@${DIGEST}/config`, { resource: 'page-content', repository: 'a', reference: DIGEST, part: 'config' }],
  [`/ui/a@${DIGEST}/layer-12`, { resource: 'page-content', repository: 'a', reference: DIGEST, part: 12 }],
  ['/ui/team/app/-/star', { resource: 'page-star', repository: 'team/app' }],
  ['/ui/a/-/delete', { resource: 'page-deletion', repository: 'a' }],
  ['/ui/a/-/deleted', { resource: 'page-deleted', repository: 'a' }],
  ...['account', 'users', 'groups', 'rules', 'webhooks'].map((word) => [`/ui/-/${word}`, { resource: `page-${word}` }] as const),
  ['/ui/-/deployments', { resource: 'page-deployments' }],
  ['/ui/-/space', { resource: 'page-storage' }],
  ['/ui/-/activity', { resource: 'page-activity' }],
  ['/ui/history', { resource: 'page-repository', repository: 'history' }],
  ['/ui/a/history', { resource: 'page-repository', repository: 'a/history' }],
  ['/ui/-/sign-in', { resource: 'page-sign-in' }],
  ['/ui/-/sign-out', { resource: 'page-sign-out' }],
  ['/ui/-/page.0123.css', { resource: 'page-asset', name: 'page.0123.css' }],
  ...[
    '/ui/Team',
    '/ui/a:',
    '/ui/a@sha256:1',
    '/ui/a:v1/other',
    `/ui/a@${DIGEST}/history`,
    '/ui//',
    '/ui/-/a/b',
    '/ui/%ff',
    '/ui/a/-/',
    '/ui/a/-/none',
    '/ui/a/-/constructor',
    '/ui/a/-/star/',
    `/ui/a@${DIGEST}/layer-`,
  ].map((path) => [path, { resource: 'page-nowhere' }] as const),
  ['/v2/', {}],
  ['/uix', {}],
  ['/api/v1/repositories', {}],
] as const)('%s', (path, route) => {
  expect(routeOf(path)).toEqual(route as object)
})

test('below a prefix, the page is there and nowhere else', () => {
  expect(routeOf('/team/registry/', { prefix: '/team/registry' })).toEqual({ resource: 'page-repositories', below: '' } as object)
  expect(routeOf('/team/registry/ui/a', { prefix: '/team/registry' })).toMatchObject({ resource: 'page-repository' })
  expect(routeOf('/', { prefix: '/team/registry' })).toEqual({})
  expect(routeOf('/ui/a', { prefix: '/team/registry' })).toEqual({})
})

test('what no repository can be called is what belongs to the page itself', () => {
  expect(findRepositoryName('-')).toBeUndefined()
  expect(findRepositoryName('-/sign-in')).toBeUndefined()
  expect(findTag('v1/history')).toBeUndefined()
})
