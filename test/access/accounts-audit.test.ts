import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry } from '../support/access-registry.ts'
import { contentOf } from '../support/images.ts'

setDefaultTimeout(120_000)

const ACCESS = `  rules:
    - {who: ['user:alice'], repositories: ['team/**'], can: [pull]}
`
const BLOB = contentOf('application/octet-stream', new TextEncoder().encode('audited'))

let registry: AccessRegistry
let robot: string

beforeAll(async () => {
  registry = await AccessRegistry.start({ access: ACCESS })
  await registry.addUser('alice', 'alice-secret')
  robot = await registry.addRobot('ci', '--scope', 'team/*:pull,push')
})
afterAll(async () => await registry[Symbol.asyncDispose]())

test('a login that failed, a denial and a write have a line each: who, from where, what, which result', async () => {
  await registry.basic('alice', 'wrong').request('GET', '/v2/token')
  await registry.basic('ci', `${robot}x`).request('GET', '/v2/team/app/tags/list')
  await registry.client({ authorization: 'Bearer no-token' }).request('GET', '/v2/')
  await registry.basic('alice', 'alice-secret').request('POST', '/v2/team/app/blobs/uploads/')
  const alice = await registry.bearer(['repository:team/app:pull'], 'alice', 'alice-secret')
  await alice.request('DELETE', '/v2/team/app/manifests/v1')
  await registry.basic('ci', robot).pushBlob('team/app', BLOB)

  for (const line of [
    /msg="authentication failed" claimed=alice client=127\.0\.0\.1 method=GET path=\/v2\/token status=401 code=UNAUTHORIZED reason="wrong password" requestId=[0-9a-f]+/,
    /msg="authentication failed" claimed=robot:ci .* path=\/v2\/team\/app\/tags\/list status=401 .* reason="wrong token"/,
    /msg="authentication failed" client=127\.0\.0\.1 .* path=\/v2\/ status=401 .* reason="[^"]+"/,
    /msg="denied" user=alice client=127\.0\.0\.1 method=POST .* status=403 code=DENIED reason="may not push in team\/app"/,
    /msg="denied" user=alice .* method=DELETE .* reason="may not delete in team\/app: its token grants repository:team\/app:pull"/,
    /msg="write" user=robot:ci client=127\.0\.0\.1 method=PUT path=\S+ status=201 requestId=[0-9a-f]+/,
  ]) {
    expect(await registry.program.waitForOutput(line, 30_000)).toBeTruthy()
  }
})

test('a question how to log in is no failure, and no secret is written down', async () => {
  await registry.client().request('GET', '/v2/')
  await registry.client().request('GET', '/v2/team/asked/manifests/v1')
  const token = await registry.token(['repository:team/app:pull'], 'ci', robot)
  await registry.client({ authorization: `Bearer ${token}` }).request('GET', '/v2/team/app/tags/list')
  await registry.basic('alice', 'alice-secret').request('GET', '/v2/last/tags/list')
  await registry.program.waitForOutput(/path=\/v2\/last\/tags\/list/, 90_000)

  const { output } = registry.program
  expect(output).not.toMatch(/msg="(authentication failed|denied)".*asked/)
  for (const secret of ['alice-secret', robot, token, token.split('.')[2] ?? token]) {
    expect(output).not.toContain(secret)
    expect(await registry.accessLog()).not.toContain(secret)
  }
})
