import { afterEach, beforeEach, describe, expect, setDefaultTimeout, setSystemTime, test } from 'bun:test'
import { findAccountName } from '../../src/access/accounts/account-name.ts'
import { findScope } from '../../src/access/accounts/robot-scope.ts'
import { operateAccounts } from '../../src/composition/accounts/account-operator.ts'
import { type App, startApp } from '../../src/composition/app.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { basic } from '../support/access-registry.ts'
import { contentOf, fixedBytes, makeImage } from '../support/images.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { AuthorizedClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const CONFIG = `version: 0.1
storage: {filesystem: {rootdirectory: FOLDER/data}}
http: {addr: '127.0.0.1:0'}
access:
  rules:
    - {who: ['user:alice'], repositories: ['team/**'], can: [pull, push]}
`
const MINUTE_MS = 60_000
const NAME = findAccountName('alice')
const BLOB = contentOf('application/octet-stream', fixedBytes(100_000))

let folder: TemporaryFolder
let config: Config
let app: App

beforeEach(async () => {
  folder = new TemporaryFolder()
  const path = await folder.file('config.yml', CONFIG.replace('FOLDER', folder.path))
  config = loadConfig({ path, environment: {} }).config
  if (NAME === undefined) throw new Error('alice is no name')
  const hash = await Bun.password.hash('alice-secret', { algorithm: 'bcrypt', cost: 4 })
  await operateAccounts(config, (accounts) => accounts.addUser(NAME, hash))
  app = await startApp(config, new RecordedLog(), { accessOutput: { write: () => undefined, end: async () => undefined } })
})
afterEach(async () => {
  setSystemTime()
  await app.stop({ timeoutMs: 0 })
  folder[Symbol.dispose]()
})

describe('after a token has expired', () => {
  test('an upload that was begun with it goes on and ends, and nothing else does', async () => {
    const client = await clientWithToken()
    const location = await client.startUpload('team/app')
    const other = await client.startUpload('team/app')

    setSystemTime(Date.now() + 20 * MINUTE_MS)
    const base = await client.request('GET', '/v2/')
    const fresh = await client.request('POST', '/v2/team/app/blobs/uploads/')
    const elsewhere = await client.request('PATCH', location.replace('/team/app/', '/team/web/'), { body: 'x' })
    const next = await client.appendUpload(location, BLOB.bytes.slice(0, 50_000))
    const appended = await client.appendUpload(next, BLOB.bytes.slice(50_000))
    const closed = await client.closeUpload(appended, BLOB.digest)
    const cancelled = await client.request('DELETE', other)
    const manifest = await client.putManifest('team/app', 'latest', makeImage('late').manifest)

    expect([base.status, fresh.status, elsewhere.status, manifest.status]).toEqual([401, 401, 401, 401])
    expect(fresh.headers.get('www-authenticate')).toContain('error="invalid_token"')
    expect([closed.status, cancelled.status]).toEqual([201, 204])
  })

  test('an upload that a robot has begun goes on when the robot itself has expired, and nothing else does', async () => {
    const client = await clientOfRobot()
    const location = await client.startUpload('team/app')

    setSystemTime(Date.now() + 20 * MINUTE_MS)
    const fresh = await client.request('POST', '/v2/team/app/blobs/uploads/')
    const appended = await client.appendUpload(location, BLOB.bytes)
    const closed = await client.closeUpload(appended, BLOB.digest)

    expect([fresh.status, closed.status]).toEqual([401, 201])
  })

  test('an upload that was begun later, with another token, or that was never begun, is not for it', async () => {
    const old = await clientWithToken()
    const startedAt = Date.now()
    setSystemTime(startedAt + 20 * MINUTE_MS)
    const begunLater = `/v2/team/app/blobs/uploads/${Bun.randomUUIDv7('hex', Date.now())}`
    const neverBegun = `/v2/team/app/blobs/uploads/${Bun.randomUUIDv7('hex', startedAt + 1000)}`

    const statuses = [begunLater, neverBegun, '/v2/team/app/blobs/uploads/not-an-upload'].map(
      async (path) => (await old.request('PATCH', path, { body: 'x' })).status,
    )

    expect(await Promise.all(statuses)).toEqual([401, 404, 401])
  })

  test('the account must still be there for an upload to go on', async () => {
    const client = await clientWithToken()
    const location = await client.startUpload('team/app')
    if (NAME !== undefined) await operateAccounts(config, (accounts) => accounts.removeUser(NAME))
    setSystemTime(Date.now() + 20 * MINUTE_MS)

    expect((await client.request('PATCH', location, { body: 'x' })).status).toBe(401)
  })
})

/** Of a robot that is good for ten minutes. */
async function clientOfRobot(): Promise<AuthorizedClient> {
  const name = findAccountName('ci')
  const scope = findScope('team/**:pull,push')
  if (name === undefined || scope === undefined) throw new Error('ci is no name, or its scope is none')
  const robot = { name, scopes: [scope], expiresAt: new Date(Date.now() + 10 * MINUTE_MS) }
  return await clientWithToken('ci', await operateAccounts(config, (accounts) => accounts.createRobot(robot)))
}

async function clientWithToken(name = 'alice', password = 'alice-secret'): Promise<AuthorizedClient> {
  const client = new AuthorizedClient(app.url, { authorization: basic(name, password) })
  const response = await client.request('GET', '/v2/token?scope=repository:team/app:pull,push')
  const { token } = (await response.json()) as { token: string }
  return new AuthorizedClient(app.url, { authorization: `Bearer ${token}` })
}
