import { afterAll, beforeAll, expect, test } from 'bun:test'
import { busyboxArchive } from '../support/busybox-archive.ts'
import { ContainersTools } from '../support/containers-tools.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { writeImageDirectory } from '../support/image-directory.ts'
import { makeImage } from '../support/images.ts'
import type { Outcome } from '../support/processes.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { startRegistry } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const QUOTAS =
  "quotas: [{name: small, repositories: ['small/**'], limit: 100kB}, {name: none, repositories: ['none/**'], limit: 1kB}]\n"
const PROGRAMS = [...DOCKER_PROGRAMS, 'skopeo', 'podman', 'conmon', 'busybox', 'tar']

/** Clients show the sentence of a refusal, and end with it at once. */
describeWith({ programs: PROGRAMS, root: true }, 'a quota that is reached is shown', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let registry: RegistryProcess
  let tools: ContainersTools

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    registry = resources.use(await startRegistry({ folder, dataDirectory: folder.join('data'), moreConfig: QUOTAS }))
    tools = await ContainersTools.create(folder)
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  function expectShown({ exitCode, stdout, stderr }: Outcome, quota: string, limit: string): void {
    expect(exitCode).not.toBe(0)
    expect(stdout + stderr).toContain(`The quota ${quota} allows ${limit} and holds `)
    expect(stdout + stderr).toContain('ask for a higher limit')
  }

  test(
    'by Docker, and the same image is taken where there is no quota',
    async () => {
      await using daemon = await DockerDaemon.start(folder)
      await daemon.importBaseImage(folder, `${registry.address}/small/app`)

      const refused = await daemon.tryDocker('push', `${registry.address}/small/app`)
      await daemon.docker('tag', `${registry.address}/small/app`, `${registry.address}/large/app`)
      await daemon.docker('push', `${registry.address}/large/app`)

      expectShown(refused, 'small', '100 kB')
      expect(refused.stdout + refused.stderr).toContain('denied: The quota small')
      expect(refused.stdout).not.toContain('Retrying')
    },
    TEST_MS,
  )

  test(
    'by skopeo',
    async () => {
      const large = makeImage(crypto.getRandomValues(Buffer.alloc(2_000)).toString('hex'), { layers: 1 })
      await writeImageDirectory(folder.join('image'), large.manifest, [large])

      const refused = await tools.tryRun(
        'skopeo',
        'copy',
        '--dest-tls-verify=false',
        `dir:${folder.join('image')}`,
        `docker://${registry.address}/none/app:1`,
      )

      expectShown(refused, 'none', '1 kB')
    },
    TEST_MS,
  )

  test(
    'by podman',
    async () => {
      using own = new TemporaryFolder()
      await tools.run('podman', 'import', await busyboxArchive(own), `${registry.address}/small/podman`)

      const refused = await tools.tryRun('podman', 'push', '--tls-verify=false', `${registry.address}/small/podman`)

      expectShown(refused, 'small', '100 kB')
    },
    TEST_MS,
  )
})
