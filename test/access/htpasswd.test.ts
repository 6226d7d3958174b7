import { afterAll, afterEach, beforeAll, expect, setSystemTime, test } from 'bun:test'
import { appendFile } from 'node:fs/promises'
import { expectError, header } from '../support/answers.ts'
import { AppInTest, basic } from '../support/app-in-test.ts'
import { environmentIn, poll, runToSuccess } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

describeWith({ programs: ['htpasswd'] }, 'auth.htpasswd', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let path: string
  let berth: AppInTest

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    path = folder.join('htpasswd')
    await htpasswd(path, '-cbB', 'alice', 'secret')
    berth = resources.use(await AppInTest.start(folder, { auth: { htpasswd: { realm: 'Registry Realm', path } } }))
  })
  afterEach(() => void setSystemTime())
  afterAll(async () => await resources.disposeAsync())

  /** The tool that everybody makes the file with. */
  async function htpasswd(file: string, flags: string, ...words: readonly string[]): Promise<void> {
    await runToSuccess(['htpasswd', flags, file, ...words], { environment: environmentIn(folder.join('tool')) })
  }

  /** Changes the file, and waits until Berth has seen it. */
  async function change(flags: string, ...words: readonly string[]): Promise<void> {
    const readings = () => berth.log.lines.filter(({ message }) => message === 'htpasswd read again').length
    const before = readings()
    await htpasswd(path, flags, ...words)
    await poll('the file is read again', 90_000, async () => {
      await statusFor('alice', 'secret')
      return readings() > before ? true : undefined
    })
  }

  async function statusFor(name: string, password: string, at = '/v2/'): Promise<number> {
    const response = await berth.request('GET', at, { headers: basic(name, password) })
    await response.bytes()
    return response.status
  }

  test('without a password everything but the page for load balancers and the probes is 401, as registry:2 says it', async () => {
    const response = await berth.request('GET', '/v2/')

    expect(header(response, 'www-authenticate')).toBe('Basic realm="Registry Realm"')
    expect(header(response, 'docker-distribution-api-version')).toBe('registry/2.0')
    await expectError(response, 401, 'UNAUTHORIZED')
    for (const at of ['/v2/_catalog', '/v2/a/tags/list', '/v2/a/manifests/b', '/v2/a/blobs/uploads/none']) {
      expect((await berth.request('GET', at)).status).toBe(401)
    }
    expect((await berth.request('POST', '/v2/a/blobs/uploads/')).status).toBe(401)
    expect((await berth.request('GET', '/')).status).toBe(200)
    expect((await berth.request('GET', '/livez')).status).toBe(200)
  })

  test('who has a password may do everything', async () => {
    const headers = basic('alice', 'secret')

    expect((await berth.request('GET', '/v2/', { headers })).status).toBe(200)
    expect((await berth.request('GET', '/v2/_catalog', { headers })).status).toBe(200)
    expect((await berth.request('POST', '/v2/a/blobs/uploads/', { headers })).status).toBe(202)
    await expectError(await berth.request('DELETE', '/v2/a/manifests/b', { headers }), 404, 'MANIFEST_UNKNOWN')
  })

  test('a wrong password, a user that nobody is and another scheme are 401 with the same challenge', async () => {
    for (const headers of [basic('alice', 'wrong'), basic('bob', 'secret'), basic('alice', ''), { authorization: 'Bearer x' }]) {
      const response = await berth.request('GET', '/v2/', { headers })
      expect(header(response, 'www-authenticate')).toBe('Basic realm="Registry Realm"')
      await expectError(response, 401, 'UNAUTHORIZED')
    }
    const twice = { authorization: `${basic('bob', 'x').authorization}, ${basic('alice', 'secret').authorization}` }
    expect((await berth.request('GET', '/v2/', { headers: twice })).status).toBe(401)
  })

  test('users that htpasswd adds, changes and removes hold without a restart', async () => {
    expect(await statusFor('carol', 'new')).toBe(401)

    await change('-bB', 'carol', 'new')
    expect(await statusFor('carol', 'new')).toBe(200)
    await change('-bB', 'carol', 'newer')
    expect(await statusFor('carol', 'new')).toBe(401)
    expect(await statusFor('carol', 'newer')).toBe(200)
    await change('-D', 'carol')
    expect(await statusFor('carol', 'newer')).toBe(401)

    expect(await statusFor('alice', 'secret')).toBe(200)
  })

  test('every way in which programs write bcrypt is read, and other hashes are named in the log', async () => {
    const file = folder.join('kinds')
    await htpasswd(file, '-cbB', 'y', 'secret')
    await htpasswd(file, '-bm', 'md5', 'secret')
    await htpasswd(file, '-bs', 'sha', 'secret')
    const hash = await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })
    const more = ['$2a$', '$2b$'].map((prefix) => `${prefix.slice(2, 3)}:${prefix}${hash.slice(4)}\n`).join('')
    await appendFile(file, more)

    await using other = await AppInTest.start(folder, { auth: { htpasswd: { realm: 'a', path: file } } })

    for (const name of ['y', 'a', 'b']) {
      expect((await other.request('GET', '/v2/', { headers: basic(name, 'secret') })).status).toBe(200)
    }
    for (const name of ['md5', 'sha']) {
      expect((await other.request('GET', '/v2/', { headers: basic(name, 'secret') })).status).toBe(401)
    }
    const told = other.log.lines.filter(({ message }) => message === 'htpasswd line lets nobody in')
    expect(told.map(({ fields }) => [fields.user, fields.kind])).toEqual([
      ['md5', 'MD5 (apr1)'],
      ['sha', 'SHA-1'],
    ])
  })

  test('an address that guesses is told to wait, and goes on with a password that was right before', async () => {
    await using other = await AppInTest.start(folder, { auth: { htpasswd: { realm: 'a', path } } })
    expect((await other.request('GET', '/v2/', { headers: basic('alice', 'secret') })).status).toBe(200)

    // However long the guesses take, no further one is let through meanwhile.
    setSystemTime(new Date())
    const statuses = new Set<number>()
    for (let guess = 0; guess < 40; guess++) {
      statuses.add((await other.request('GET', '/v2/', { headers: basic('alice', `guess ${guess}`) })).status)
    }
    const refused = await other.request('GET', '/v2/', { headers: basic('alice', 'one more') })

    expect([...statuses]).toEqual([401, 429])
    expect(Number(header(refused, 'retry-after'))).toBeGreaterThanOrEqual(1)
    await expectError(refused, 429, 'TOOMANYREQUESTS')
    expect((await other.request('GET', '/v2/', { headers: basic('alice', 'secret') })).status).toBe(200)
  })
})
