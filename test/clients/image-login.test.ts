import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ensureCertificate, pathsIn } from '../../src/certificates/certificate-folder.ts'
import { AccessRegistry } from '../support/access-registry.ts'
import { startBerth } from '../support/berth-process.ts'
import { FAST_BERTH } from '../support/berth-program.ts'
import { makeImage } from '../support/images.ts'
import { layoutEntries, madeTar } from '../support/made-tar.ts'
import { type Environment, environmentIn, type Outcome, run } from '../support/processes.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 180_000
const IMAGE = makeImage('login', { layers: 3 })
const ACCESS = `  rules:
    - {who: ['user:alice'], repositories: ['team/**'], can: [pull, push]}
    - {who: ['user:bob'], repositories: ['team/**'], can: [pull]}
`

let folder: TemporaryFolder
let environment: Environment
let archive: string
beforeAll(async () => {
  folder = new TemporaryFolder()
  environment = environmentIn(folder.join('user'))
  archive = await folder.file('image.tar', madeTar(layoutEntries(IMAGE)))
})
afterAll(() => folder[Symbol.dispose]())

async function image(words: readonly string[], stdin = ''): Promise<Outcome> {
  return await run([...FAST_BERTH, 'image', ...words], { environment, stdin: new Blob([stdin]) })
}

/** As `docker login` leaves it. */
async function logIn(registry: string, user: string): Promise<void> {
  const auth = Buffer.from(`${user}:${user}-secret`).toString('base64')
  await folder.file('user/home/.docker/config.json', JSON.stringify({ auths: { [registry]: { auth } } }))
}

test(
  'with tokens: pushes as docker login has left it, mounts what the user may read, and says what a user may not do',
  async () => {
    await using registry = await AccessRegistry.start({ access: ACCESS })
    for (const user of ['alice', 'bob']) await registry.addUser(user, `${user}-secret`)
    const name = (rest: string) => `${registry.address}/${rest}`

    const anonymous = await image(['load', archive, name('team/base:v1')])
    await logIn(registry.address, 'bob')
    const bob = await image(['load', archive, name('team/base:v1')])
    await logIn(registry.address, 'alice')
    const alice = await image(['load', archive, name('team/base:v1')])
    const created = await image(['create', name('team/app:v1'), '--base', name('team/base:v1')])
    const flagged = await image(
      ['save', name('team/app:v1'), folder.join('saved.tar'), '--login', 'bob', '--password-stdin'],
      'bob-secret\n',
    )
    const wrong = await image(['load', archive, name('team/base:v1'), '--login', 'alice', '--password-stdin'], 'wrong\n')

    expect([anonymous.exitCode, anonymous.stderr]).toEqual([
      1,
      expect.stringMatching(/^berth: .* 401.* Log in with docker login or podman login/),
    ])
    expect([bob.exitCode, bob.stderr]).toEqual([1, expect.stringMatching(/^berth: The registry \S+ answered 40[13]: /)])
    expect(alice).toMatchObject({ exitCode: 0, stdout: `${name('team/base:v1')}@${IMAGE.manifest.digest}\n` })
    expect([created.exitCode, created.stderr.match(/ mounted$/gm)?.length]).toEqual([0, 3])
    expect(flagged.exitCode).toBe(0)
    expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringMatching(/401.* Log in with/)])
    for (const { stderr } of [anonymous, bob, alice, created, flagged, wrong])
      expect(stderr).not.toMatch(/-secret|YWxpY2U6|Ym9iO/)
  },
  TEST_MS,
)

test(
  'over TLS with a password: trusts the authority that --ca names, and sends nothing where it is not trusted',
  async () => {
    await ensureCertificate({ folder: folder.join('certificates'), hosts: ['localhost'] })
    const { authority, certificate, key } = pathsIn(folder.join('certificates'))
    const hash = await Bun.password.hash('alice-secret', { algorithm: 'bcrypt', cost: 4 })
    const htpasswd = await folder.file('htpasswd', `alice:${hash}\n`)
    const moreConfig = `auth:\n  htpasswd: {realm: test, path: ${htpasswd}}\n`
    await using registry = await startBerth({ folder, tls: { certificate, key }, moreConfig })
    await logIn(registry.address, 'alice')

    const untrusted = await image(['load', archive, `${registry.address}/app:v1`])
    const trusted = await image(['load', archive, `${registry.address}/app:v1`, '--ca', authority])
    const created = await image([
      'create',
      `${registry.address}/other:v1`,
      '--ca',
      authority,
      '--base',
      `${registry.address}/app:v1`,
    ])

    expect([untrusted.exitCode, untrusted.stderr]).toEqual([
      1,
      expect.stringMatching(/^berth: The registry https:\/\/localhost:\d+ does not answer as it should: .*certificate/),
    ])
    expect(trusted).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(IMAGE.manifest.digest) })
    expect([created.exitCode, created.stderr.match(/ mounted$/gm)?.length]).toEqual([0, 3])
  },
  TEST_MS,
)
