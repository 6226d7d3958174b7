import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { libtrustKeyId } from '../../src/access/foreign-tokens/key-id.ts'
import { busyboxArchive } from '../support/busybox-archive.ts'
import { ContainersTools } from '../support/containers-tools.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { writeImageDirectory } from '../support/image-directory.ts'
import { makeImage } from '../support/images.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { startRegistry } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { TokenIssuer } from '../support/token-issuer.ts'
import { TokenServer } from '../support/token-server.ts'

setDefaultTimeout(120_000)

const IMAGE = makeImage('login')
const PROGRAMS = [...DOCKER_PROGRAMS, 'busybox', 'conmon', 'curl', 'openssl', 'podman', 'runc', 'skopeo', 'tar']

describeWith({ programs: PROGRAMS, root: true }, 'clients log in,', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let daemon: DockerDaemon
  let htpasswd: RegistryProcess
  let token: RegistryProcess
  let tokenServer: TokenServer
  let archive: string

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    daemon = resources.use(await DockerDaemon.start(folder))
    await daemon.importBaseImage(folder, 'base')
    archive = await busyboxArchive(resources.use(new TemporaryFolder()))
    await writeImageDirectory(folder.join('image'), IMAGE.manifest, [IMAGE])
    htpasswd = resources.use(await startWithPasswords())
    token = resources.use(await startWithTokens())
  })
  afterAll(async () => await resources.disposeAsync())

  async function startWithPasswords(): Promise<RegistryProcess> {
    const hash = await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 5 })
    const path = await folder.file('htpasswd', `alice:${hash.replace('$2b$', '$2y$')}\n`)
    const moreConfig = `auth: {htpasswd: {realm: Registry, path: ${path}}}\n`
    return await startRegistry({ folder, dataDirectory: folder.join('passwords'), moreConfig })
  }

  async function startWithTokens(): Promise<RegistryProcess> {
    const issuer = await TokenIssuer.create(folder, 'ES256')
    const header = { kid: libtrustKeyId(issuer.certificate.publicKey) }
    const server = new TokenServer({ issuer, header, service: 'berth', users: { alice: 'secret' } })
    tokenServer = resources.use(server)
    const keys = `realm: "${server.url}", service: berth, issuer: test, rootcertbundle: ${issuer.certificatePath}`
    return await startRegistry({ folder, dataDirectory: folder.join('tokens'), moreConfig: `auth: {token: {${keys}}}\n` })
  }

  describe.each([
    ['with a password', () => htpasswd],
    ['with a token of another server', () => token],
  ])('%s', (_, registry) => {
    test('Docker is refused, logs in, pushes and pulls, logs out and is refused again', async () => {
      const { address } = registry()
      const name = `${address}/team/docker:1`
      await daemon.docker('tag', 'base', name)

      expectRefused(await daemon.tryDocker('push', name))
      expectRefused(await logInToDocker(address, 'wrong'))
      expect((await logInToDocker(address, 'secret')).stdout).toContain('Login Succeeded')
      await daemon.docker('push', name)
      await daemon.docker('image', 'rm', name)
      await daemon.docker('pull', name)
      await daemon.docker('logout', address)
      await daemon.docker('image', 'rm', name)
      expectRefused(await daemon.tryDocker('pull', name))
    })

    test('podman does the same', async () => {
      const { address } = registry()
      const name = `${address}/team/podman:1`
      const tools = await ContainersTools.create(folder)
      await tools.run('podman', 'import', archive, name)
      const login = ['login', '--tls-verify=false', '--username=alice']

      expectRefused(await tools.tryRun('podman', 'push', '--tls-verify=false', name))
      expectRefused(await tools.tryRun('podman', ...login, '--password=wrong', address))
      expect(await tools.run('podman', ...login, '--password=secret', address)).toContain('Login Succeeded')
      await tools.run('podman', 'push', '--tls-verify=false', name)
      await tools.run('podman', 'rmi', name)
      await tools.run('podman', 'pull', '--tls-verify=false', name)
      await tools.run('podman', 'logout', address)
      await tools.run('podman', 'rmi', name)
      expectRefused(await tools.tryRun('podman', 'pull', '--tls-verify=false', name))
    })

    test('skopeo does the same, and mounts from one repository into another', async () => {
      const { address } = registry()
      const [first, second] = [`docker://${address}/team/skopeo:1`, `docker://${address}/team/mounted:1`]
      const tools = await ContainersTools.create(folder)
      const source = `dir:${folder.join('image')}`
      const plain = ['--src-tls-verify=false', '--dest-tls-verify=false']

      expectRefused(await tools.tryRun('skopeo', 'copy', ...plain, source, first))
      expectRefused(await tools.tryRun('skopeo', 'copy', ...plain, '--dest-creds=alice:wrong', source, first))
      await tools.run('skopeo', 'login', '--tls-verify=false', '--username=alice', '--password=secret', address)
      await tools.run('skopeo', 'copy', ...plain, source, first)
      await tools.run('skopeo', 'copy', ...plain, first, second)
      expect(JSON.parse(await tools.run('skopeo', 'list-tags', '--tls-verify=false', second.slice(0, -2))).Tags).toEqual(['1'])
      await tools.run('skopeo', 'delete', '--tls-verify=false', second)
      await tools.run('skopeo', 'logout', address)
      expectRefused(await tools.tryRun('skopeo', 'inspect', '--tls-verify=false', first))
    })
  })

  test('curl with -u lists the catalog, without it does not', async () => {
    const options = { environment: environmentIn(folder.join('curl')) }
    const url = `http://${htpasswd.address}/v2/_catalog`

    const refused = await run(['curl', '--silent', '--show-error', '--fail', '--insecure', url], options)
    const listed = await run(['curl', '--silent', '--show-error', '--fail', '-u', 'alice:secret', url], options)

    expect(refused).toMatchObject({ exitCode: 22, stderr: expect.stringContaining('401') })
    expect(listed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"repositories"') })
  })

  test('what everybody may pull is pulled without a password, and not pushed', async () => {
    const { address } = token
    const name = `${address}/open/tool:1`
    await daemon.docker('tag', 'base', name)
    expect((await logInToDocker(address, 'secret')).exitCode).toBe(0)
    await daemon.docker('push', name)
    await daemon.docker('logout', address)
    await daemon.docker('image', 'rm', name)

    await daemon.docker('pull', name)

    expect(tokenServer.asked).toContain('repository:open/tool:pull')
    expectRefused(await daemon.tryDocker('push', name))
  })

  async function logInToDocker(address: string, password: string): Promise<Outcome> {
    const words = ['docker', 'login', '--username', 'alice', '--password-stdin', address]
    return await run(words, { environment: daemon.environment, stdin: new Blob([password]) })
  }

  function expectRefused({ exitCode, stdout, stderr }: Outcome): void {
    expect(exitCode).not.toBe(0)
    expect(`${stdout}\n${stderr}`).toMatch(
      /unauthorized|authentication required|no basic auth credentials|denied|401|invalid username/i,
    )
  }
})
