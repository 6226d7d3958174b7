import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ContainersTools } from '../support/containers-tools.ts'
import { RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { startRegistry } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000

describeWith({ programs: ['buildah', 'runc'], root: true }, 'buildah', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let registry: RegistryProcess
  let tools: ContainersTools

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    registry = resources.use(await startRegistry({ folder, dataDirectory: folder.join('data') }))
    tools = await ContainersTools.create(folder)
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  for (const [format, mediaType] of [
    ['oci', 'application/vnd.oci.image.manifest.v1+json'],
    ['v2s2', 'application/vnd.docker.distribution.manifest.v2+json'],
  ] as const) {
    test(
      `an image made from scratch is pushed in ${format} format, pulled, and its files are there`,
      async () => {
        const name = `${registry.address}/buildah/${format}:1`
        await commit(name, `made for ${format}`, 'amd64')

        await buildah('push', '--tls-verify=false', '--format', format, name)
        await buildah('rmi', name)

        expect(await textIn(name, 'amd64')).toBe(`made for ${format}`)
        const stored = await new RegistryClient(registry.url).headManifest(`buildah/${format}`, '1')
        expect(stored.headers.get('content-type')).toBe(mediaType)
      },
      TEST_MS,
    )
  }

  for (const [format, mediaType] of [
    ['oci', 'application/vnd.oci.image.index.v1+json'],
    ['v2s2', 'application/vnd.docker.distribution.manifest.list.v2+json'],
  ] as const) {
    test(
      `a manifest list for two architectures is pushed in ${format} format, and each architecture gets its files`,
      async () => {
        const name = `${registry.address}/buildah/multi-${format}:1`
        const list = `list-${format}`
        await buildah('manifest', 'create', list)
        for (const architecture of ['amd64', 'arm64']) {
          const single = `localhost/multi-${format}:${architecture}`
          await commit(single, `for ${architecture}`, architecture)
          await buildah('manifest', 'add', list, `containers-storage:${single}`)
        }

        await buildah('manifest', 'push', '--all', '--format', format, '--tls-verify=false', list, `docker://${name}`)
        await buildah('rmi', '--all', '--force')

        const stored = await new RegistryClient(registry.url).headManifest(`buildah/multi-${format}`, '1')
        expect(stored.headers.get('content-type')).toBe(mediaType)
        for (const architecture of ['amd64', 'arm64']) {
          expect(await textIn(name, architecture)).toBe(`for ${architecture}`)
          await buildah('rmi', name)
        }
      },
      TEST_MS,
    )
  }

  async function buildah(...words: readonly string[]): Promise<string> {
    return await tools.run('buildah', ...words)
  }

  /** Makes an image of one file from scratch. */
  async function commit(name: string, text: string, architecture: string): Promise<void> {
    const container = (await buildah('from', 'scratch')).trim()
    await buildah('copy', container, await folder.file('text', text), '/text')
    await buildah('config', '--arch', architecture, '--os', 'linux', container)
    await buildah('commit', '--quiet', '--rm', container, name)
  }

  /** Pulls an image for an architecture and reads its file. */
  async function textIn(name: string, architecture: string): Promise<string> {
    const options = ['--quiet', '--pull=always', '--tls-verify=false', '--arch', architecture]
    const container = (await buildah('from', ...options, name)).trim()
    const mounted = (await buildah('mount', container)).trim()
    const text = await Bun.file(`${mounted}/text`).text()
    await buildah('rm', container)
    return text
  }
})
