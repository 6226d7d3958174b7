import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { version } from '../../src/runtime/version.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { poll, runToSuccess } from '../support/processes.ts'
import { RegistryContainer } from '../support/registry-container.ts'
import { digestOf, lookWithWget, takeImageLab } from '../support/registry-lab.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 180_000
const BUILD_MS = 300_000
const ROOT = join(import.meta.dir, '../..')
const PROGRAMS = [...DOCKER_PROGRAMS, 'busybox', 'curl', 'ldd', 'npm', 'nsenter', 'tar', 'unshare', 'wget']

const MAX_IMAGE_BYTES = 150_000_000
/** Each look at the health starts a Berth: with one a second, containers that stand side by side have no processor left for anything else. */
const HEALTH = '--health-interval=4s'

describeWith({ programs: PROGRAMS, root: true }, 'the container image', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let daemon: DockerDaemon

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    daemon = resources.use(await DockerDaemon.start(folder, { network: 'own' }))
    await daemon.importBaseImage(folder, 'base')
    const command = ['npm', 'run', '--silent', 'image', '--', folder.join('dist')]
    const printed = await runToSuccess(command, { environment: daemon.environment, cwd: ROOT, timeoutMs: BUILD_MS })
    expect(printed).toContain(`Loaded image: berth:${version}\n`)
    expect(printed).toContain('Loaded image: berth:latest\n')
  }, BUILD_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  /** A container of the image that ends with the test. */
  async function start(name: string, ...words: readonly string[]): Promise<RegistryContainer> {
    return await RegistryContainer.start(daemon, name, HEALTH, ...words)
  }

  test(
    "registry:2's `docker run` line serves the registry lab, and every command that people call in it",
    async () => {
      const data = await folder.directory('registry-data')
      const options = ['-p', '5000:5000', '--restart=always', '-v', `${data}:/var/lib/registry`]
      await using registry = await start('registry', ...options, 'berth:latest')

      const listed = await daemon.docker('container', 'ls', '--no-trunc')
      await lookWithWget('localhost:5000', { environment: daemon.environment }, daemon.inNetwork)
      await takeImageLab(daemon, 'localhost:5000')
      await registry.becomesHealthy()

      expect(listed).toMatch(/"\/entrypoint.sh \/etc\/docker\/registry\/config.yml" .* 0.0.0.0:5000->5000\/tcp.* registry\n/)
      expect(await readdir(join(data, 'docker/registry/v2/repositories'))).toEqual(['devenv'])
      expect(await registry.exec('registry', '--version')).toBe(`registry berth ${version}\n`)
      expect(await registry.exec('berth', 'health')).toBe('healthy: http://127.0.0.1:5000 answers\n')
      expect(await registry.exec('sh', '-c', 'ls /var/lib/registry/docker/registry')).toBe('v2\n')
      const collected = await daemon.tryDocker(
        ...['exec', 'registry', 'bin/registry', 'garbage-collect', '-m', '/etc/docker/registry/config.yml'],
      )
      expect(collected).toMatchObject({ exitCode: 0, stderr: '' })
      expect(collected.stdout).toMatch(/\n\d+ blobs marked, 0 blobs and 0 manifests eligible for deletion\n/)
      expect(await registry.exec('berth', 'gc', '--status')).toMatch(/^(The collector has made no pass yet|Last looked at )/)

      await daemon.docker('stop', 'registry')
      expect(await registry.state('ExitCode')).toBe('0')
      expect(await registry.log()).not.toMatch(/level=(warn|error)/)
    },
    TEST_MS,
  )

  test(
    "users are made as with registry:2's image, and log in",
    async () => {
      const made = await daemon.docker('run', '--rm', '--entrypoint', 'htpasswd', 'berth', '-Bbn', 'testuser', 'testpassword')
      const users = await folder.file('auth/htpasswd', made)
      const variables = [
        'REGISTRY_AUTH=htpasswd',
        'REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm',
        'REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd',
      ]
      const options = variables.flatMap((variable) => ['-e', variable])
      await using registry = await start('users', '-p', '5009:5000', '-v', `${folder.join('auth')}:/auth`, ...options, 'berth')
      await daemon.docker('tag', 'base', 'localhost:5009/hello-world')
      await registry.becomesHealthy()

      const refused = await daemon.tryDocker('push', 'localhost:5009/hello-world')
      await daemon.docker('login', '--username', 'testuser', '--password', 'testpassword', 'localhost:5009')
      await daemon.docker('push', 'localhost:5009/hello-world')

      expect(made).toMatch(/^testuser:\$2y\$10\$\S{53}\n\n$/)
      expect(refused.stderr).toMatch(/no basic auth credentials|unauthorized|authentication required/)
      const verified = await registry.exec('sh', '-c', 'htpasswd -vb /auth/htpasswd testuser testpassword 2>&1')
      expect(verified).toBe('Password for user testuser correct.\n')
      expect(await Bun.file(users).text()).toBe(made)
    },
    TEST_MS,
  )

  test(
    'it runs as any user, without a writable file beside its volume and without any privilege',
    async () => {
      const rights = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges']
      for (const [port, user] of [['5001', '12345:12345'] as const, ['5002', 'berth'] as const]) {
        const options = ['-p', `${port}:5000`, '--user', user, ...rights, '-v', `of-${port}:/var/lib/registry`]
        await using registry = await start(`as-${port}`, ...options, 'berth')
        await daemon.docker('tag', 'base', `localhost:${port}/base`)

        const pushed = await daemon.docker('push', `localhost:${port}/base`)
        const pulled = await daemon.docker('pull', `localhost:${port}/base`)
        await registry.becomesHealthy()

        expect(digestOf(pulled)).toBe(digestOf(pushed))
        expect(await registry.exec('id', '-u')).toBe(user === 'berth' ? '10001\n' : '12345\n')
      }
    },
    TEST_MS,
  )

  test(
    'a configuration that is mounted where registry:2 or registry:3 has it is the one that counts',
    async () => {
      const file = await folder.file('mounted/config.yml', config('X-From: file'))
      const folderMount = ['-v', `${folder.join('mounted')}:/etc/distribution:ro`]
      const mounts = [
        { words: ['-v', `${file}:/etc/docker/registry/config.yml:ro`, 'berth'] },
        { words: ['-v', `${file}:/etc/distribution/config.yml:ro`, 'berth'] },
        { words: [...folderMount, 'berth', 'serve', '/etc/distribution/config.yml'] },
        { words: ['-v', `${file}:/srv/registry.yml`, '--init', 'berth', '/srv/registry.yml'] },
      ]
      await Promise.all(
        mounts.map(async ({ words }, number) => {
          await using registry = await start(`mounted-${number}`, ...words)

          await registry.becomesHealthy()

          expect(await registry.get('http://localhost:5003/images/v2/')).toMatch(/X-From: file/i)
        }),
      )
    },
    TEST_MS,
  )

  test(
    'REGISTRY_* variables win over the file, and clients may delete only when they say so',
    async () => {
      const variables = ['-e', 'REGISTRY_HTTP_ADDR=0.0.0.0:5001', '-e', 'REGISTRY_STORAGE_DELETE_ENABLED=true']
      await using deleting = await start('deleting', ...variables, '-p', '5004:5001', 'berth')
      await using keeping = await start('keeping', '-p', '5005:5000', 'berth', 'serve')
      await daemon.docker('tag', 'base', 'localhost:5004/base')
      await daemon.docker('tag', 'base', 'localhost:5005/base')
      const digest = digestOf(await daemon.docker('push', 'localhost:5004/base'))
      await daemon.docker('push', 'localhost:5005/base')
      await deleting.becomesHealthy()
      await keeping.becomesHealthy()

      expect(await statusOfDelete(`localhost:5004/v2/base/manifests/${digest}`)).toBe(202)
      expect(await statusOfDelete(`localhost:5005/v2/base/manifests/${digest}`)).toBe(405)
    },
    TEST_MS,
  )

  test(
    'what is neither a configuration nor a command of Berth runs as it is',
    async () => {
      expect(await daemon.docker('run', '--rm', 'berth', 'sh', '-c', 'echo hello')).toBe('hello\n')
      expect(await daemon.docker('run', '--rm', 'berth', '--version')).toBe(`registry berth ${version}\n`)
    },
    TEST_MS,
  )

  test(
    'it is the agent of docs/deploy.md, which replaces a container whose tag moves',
    async () => {
      const page = await Bun.file(join(ROOT, 'docs/deploy.md')).text()
      const [, shown = ''] = /^docker (run (?:.*\\\n)+.*)$/m.exec(page) ?? []
      const token = await folder.file('agent/token', 'secret')
      const made = await daemon.docker('run', '--rm', '--entrypoint', 'htpasswd', 'berth', '-Bbn', 'deploy', 'secret')
      await folder.file('agent/htpasswd', made)
      const auth = [
        '-e',
        'REGISTRY_AUTH=htpasswd',
        '-e',
        'REGISTRY_AUTH_HTPASSWD_REALM=r',
        '-e',
        'REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd',
      ]
      await using _ = await start('agents', '-p', '5010:5000', '-v', `${folder.join('agent')}:/auth`, ...auth, 'berth')
      await daemon.docker('login', '--username', 'deploy', '--password', 'secret', 'localhost:5010')
      await daemon.docker('tag', 'base', 'localhost:5010/app:v1')
      await daemon.docker('push', 'localhost:5010/app:v1')
      const labels = ['--label', 'berth.deploy=true', '--label', 'berth.settle=200ms', '--stop-signal', 'KILL']
      await daemon.docker('run', '--detach', '--name', 'app', ...labels, 'localhost:5010/app:v1', 'busybox', 'sleep', '1d')
      // The network of the daemon, its socket, and the folders that a host has are the test's own.
      const words = shown
        .replaceAll('\\\n', ' ')
        .replace('registry.example.com:5000/berth', 'berth')
        .replaceAll('registry.example.com:5000', 'localhost:5010')
        .replace('/var/run/docker.sock:', `${daemon.environment.DOCKER_HOST?.replace('unix://', '')}:`)
        .replace('/etc/berth/deploy.token:', `${token}:`)
        .replace('/etc/docker/certs.d:', `${await folder.directory('agent/certs.d')}:`)
        .replace('--restart unless-stopped', '--network host')
      await using ending = new AsyncDisposableStack()
      ending.defer(async () => void (await daemon.tryDocker('rm', '--force', 'berth-agent', 'app')))
      await daemon.docker(...words.trim().split(/ +/))
      const health = await daemon.docker('exec', 'berth-agent', '/bin/berth', 'health')

      await daemon.docker('commit', '--change', 'LABEL version=2', 'app', 'localhost:5010/app:v1')
      await daemon.docker('push', 'localhost:5010/app:v1')
      const version = await poll('the new image runs', TEST_MS, async () => {
        const label = await daemon.tryDocker('inspect', '--format', '{{.State.Running}} {{.Config.Labels.version}}', 'app')
        return label.stdout.trim() === 'true 2' ? '2' : undefined
      })

      expect(version).toBe('2')
      expect(health).toBe('healthy: the agent runs\n')
    },
    TEST_MS,
  )

  test(
    'it is small, and serves',
    async () => {
      const imageBytes = Number(await daemon.docker('image', 'inspect', '--format', '{{.Size}}', 'berth'))
      const archiveBytes = (await stat(folder.join('dist/berth-image.tar'))).size
      await using registry = await start('quick', 'berth')
      const [, listening = ''] = /time="([^"]+)" level=info msg="listening"/.exec(await registry.log()) ?? []
      const startMs = Date.parse(listening) - Date.parse(await registry.state('StartedAt'))

      process.stdout.write(
        `image: ${megabytes(imageBytes)}, to download ${megabytes(archiveBytes)}, serves after ${startMs} ms\n`,
      )
      expect(imageBytes).toBeLessThan(MAX_IMAGE_BYTES)
    },
    TEST_MS,
  )

  async function statusOfDelete(address: string): Promise<number> {
    const curl = ['curl', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--request', 'DELETE', address]
    return Number(await runToSuccess([...daemon.inNetwork, ...curl], { environment: daemon.environment }))
  }
})

function config(header: string): string {
  const [name, value] = header.split(': ')
  return `version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ':5003', prefix: /images/, headers: {${name}: [${value}]}}
`
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
