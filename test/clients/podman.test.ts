import { afterAll, beforeAll, expect, test } from 'bun:test'
import { busyboxArchive } from '../support/busybox-archive.ts'
import { ContainersTools } from '../support/containers-tools.ts'
import { RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { startRegistry } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000

describeWith({ programs: ['podman', 'conmon', 'runc', 'busybox', 'tar'], root: true }, 'podman', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let registry: RegistryProcess
  let tools: ContainersTools

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    registry = resources.use(await startRegistry({ folder, dataDirectory: folder.join('data') }))
    tools = await ContainersTools.create(folder)
    await podman('import', await busyboxArchive(folder), 'localhost/base')
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test(
    'an image is pushed, removed, pulled and run',
    async () => {
      const name = `${registry.address}/podman/tool:1`
      const id = await build(name, 'said by the image')

      await podman('push', '--tls-verify=false', name)
      await podman('rmi', name)
      const pulled = await podman('pull', '--quiet', '--tls-verify=false', name)

      expect(pulled.trim()).toBe(id)
      const printed = await podman('run', '--rm', '--network=none', name, '/bin/sh', '-c', 'busybox cat /text')
      expect(printed).toBe('said by the image')
    },
    TEST_MS,
  )

  for (const [format, mediaType] of [
    ['oci', 'application/vnd.oci.image.manifest.v1+json'],
    ['v2s2', 'application/vnd.docker.distribution.manifest.v2+json'],
  ] as const) {
    test(
      `an image is pushed in ${format} format and pulled by its digest`,
      async () => {
        const name = `${registry.address}/podman/format-${format}`
        const id = await build(`${name}:1`, format)

        await podman('push', '--tls-verify=false', '--format', format, '--digestfile', folder.join(format), `${name}:1`)
        const digest = await Bun.file(folder.join(format)).text()
        await podman('rmi', `${name}:1`)
        const pulled = await podman('pull', '--quiet', '--tls-verify=false', `${name}@${digest}`)

        expect(pulled.trim()).toBe(id)
        const stored = await new RegistryClient(registry.url).headManifest(`podman/format-${format}`, digest)
        expect(stored.headers.get('content-type')).toBe(mediaType)
      },
      TEST_MS,
    )
  }

  test(
    'a manifest list for two architectures is pushed with its images, and each is pulled by its architecture',
    async () => {
      const name = `${registry.address}/podman/multi:1`
      await podman('manifest', 'create', name)
      for (const architecture of ['amd64', 'arm64']) {
        const single = `localhost/podman-multi:${architecture}`
        await build(single, `for ${architecture}`, { base: 'scratch', architecture })
        await podman('manifest', 'add', name, `containers-storage:${single}`)
      }

      await podman('manifest', 'push', '--all', '--tls-verify=false', name, `docker://${name}`)
      await podman('manifest', 'rm', name)

      for (const architecture of ['amd64', 'arm64']) {
        await podman('pull', '--quiet', '--tls-verify=false', '--arch', architecture, name)
        const inspected = JSON.parse(await podman('image', 'inspect', name))
        expect(inspected[0].Architecture).toBe(architecture)
        await podman('rmi', name)
      }
    },
    TEST_MS,
  )

  test(
    'search finds repositories by a part of their name, and lists their tags',
    async () => {
      const name = `${registry.address}/searched/tool`
      await build(`${name}:1`, 'searched')
      await podman('push', '--tls-verify=false', `${name}:1`)
      await podman('push', '--tls-verify=false', `${name}:1`, `${name}:2`)

      const found = JSON.parse(await podman('search', '--tls-verify=false', '--format', 'json', `${registry.address}/arched`))
      const tags = JSON.parse(await podman('search', '--tls-verify=false', '--list-tags', '--format', 'json', name))

      expect(found.map(({ Name }: { Name: string }) => Name)).toEqual([name])
      expect(tags[0].Tags.toSorted()).toEqual(['1', '2'])
    },
    TEST_MS,
  )

  async function podman(...words: readonly string[]): Promise<string> {
    return await tools.run('podman', ...words)
  }

  /** Builds an image with one file in it; gives its id. */
  async function build(name: string, text: string, { base = 'localhost/base', architecture = 'amd64' } = {}): Promise<string> {
    const context = await folder.directory('context', name)
    await folder.file(`context/${name}/text`, text)
    await folder.file(`context/${name}/Containerfile`, `FROM ${base}\nCOPY text /text\n`)
    const printed = await podman('build', '--quiet', '--pull=never', '--arch', architecture, '--tag', name, context)
    return printed.trim()
  }
})
