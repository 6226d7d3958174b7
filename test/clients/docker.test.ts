import { afterAll, beforeAll, expect, test } from 'bun:test'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { fixedBytes } from '../support/images.ts'
import { environmentIn } from '../support/processes.ts'
import { digestOf, lookWithWget, takeImageLab } from '../support/registry-lab.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { startRegistry } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const LARGE_FILE_BYTES = 5_000_000

describeWith({ programs: [...DOCKER_PROGRAMS, 'busybox', 'tar', 'wget'], root: true }, 'Docker', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let registry: RegistryProcess
  let daemon: DockerDaemon

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    registry = resources.use(await startRegistry({ folder, dataDirectory: folder.join('data') }))
    daemon = resources.use(await DockerDaemon.start(folder))
    await daemon.importBaseImage(folder, 'base')
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test(
    'an image committed from a container is pushed, removed, pulled and run as in the registry lab',
    () => takeImageLab(daemon, registry.address),
    TEST_MS,
  )

  test('a look at the bare address with wget shows 200 and an empty page, as in the registry lab', () =>
    lookWithWget(registry.address, { environment: environmentIn(folder.join('wget')) }))

  test(
    'an image of several layers is pushed, and pulled by its digest',
    async () => {
      const name = `${registry.address}/team/layers`
      const id = await buildLayeredImage(`${name}:1`, 5, LARGE_FILE_BYTES)

      const digest = digestOf(await daemon.docker('push', `${name}:1`))
      await daemon.docker('image', 'rm', `${name}:1`)
      const pulled = await daemon.docker('pull', `${name}@${digest}`)

      expect(pulled.match(/: Pull complete/g)).toHaveLength(5)
      expect(await daemon.imageId(`${name}@${digest}`)).toBe(id)
      expect(await layerFile(`${name}@${digest}`, 5)).toBe('layer 5 of team/layers:1')
    },
    TEST_MS,
  )

  test(
    'what the repository has already is not uploaded again',
    async () => {
      const name = `${registry.address}/again`
      await buildLayeredImage(`${name}:1`, 3)

      const first = await daemon.docker('push', `${name}:1`)
      const second = await daemon.docker('push', `${name}:1`)

      expect(second.match(/: Layer already exists/g)).toHaveLength(4)
      expect(digestOf(second)).toBe(digestOf(first))
    },
    TEST_MS,
  )

  test(
    'layers of another repository are mounted instead of uploaded',
    async () => {
      const [source, target] = [`${registry.address}/mount/source`, `${registry.address}/mount/target`]
      await buildLayeredImage(`${source}:1`, 3)
      await daemon.docker('tag', `${source}:1`, `${target}:1`)

      await daemon.docker('push', `${source}:1`)
      const pushed = await daemon.docker('push', `${target}:1`)

      expect(pushed.match(/: Mounted from /g)).toHaveLength(4)
    },
    TEST_MS,
  )

  test(
    'two tags of one image have one digest, and all tags of a repository are pulled at once',
    async () => {
      const name = `${registry.address}/tags`
      const id = await buildLayeredImage(`${name}:one`, 1)
      await daemon.docker('tag', `${name}:one`, `${name}:two`)

      const pushed = await daemon.docker('push', '--all-tags', name)
      await daemon.docker('image', 'rm', `${name}:one`, `${name}:two`)
      await daemon.docker('pull', '--all-tags', name)

      expect(new Set(pushed.match(/sha256:[0-9a-f]{64}/g)).size).toBe(1)
      expect(await daemon.imageId(`${name}:one`)).toBe(id)
      expect(await daemon.imageId(`${name}:two`)).toBe(id)
    },
    TEST_MS,
  )

  test(
    'a tag that is pushed again points to the new image',
    async () => {
      const name = `${registry.address}/moved:latest`
      await buildLayeredImage(name, 1)
      const first = digestOf(await daemon.docker('push', name))
      const id = await buildLayeredImage(name, 2)

      const second = digestOf(await daemon.docker('push', name))
      await daemon.docker('image', 'rm', name)
      await daemon.docker('pull', name)

      expect(second).not.toBe(first)
      expect(await daemon.imageId(name)).toBe(id)
    },
    TEST_MS,
  )

  test(
    'a pull of what is not there tells the user that it is unknown',
    async () => {
      const { exitCode, stderr } = await daemon.tryDocker('pull', `${registry.address}/nobody/pushed:this`)

      expect(exitCode).toBe(1)
      expect(stderr).toMatch(/manifest for .* not found|manifest unknown/)
    },
    TEST_MS,
  )

  test(
    'containerd pushes and pulls the same images',
    async () => {
      const name = `${registry.address}/containerd`
      await buildLayeredImage(`${name}:docker`, 2)
      const digest = digestOf(await daemon.docker('push', `${name}:docker`))
      const images = ['--namespace', 'berth-test', 'images']

      await daemon.ctr(...images, 'pull', '--plain-http', '--snapshotter', 'native', `${name}:docker`)
      await daemon.ctr(...images, 'tag', `${name}:docker`, `${name}2:containerd`)
      await daemon.ctr(...images, 'push', '--plain-http', `${name}2:containerd`)
      await daemon.docker('image', 'rm', `${name}:docker`)
      const pulled = await daemon.docker('pull', `${name}2:containerd`)

      expect(digestOf(pulled)).toBe(digest)
    },
    TEST_MS,
  )

  /** Builds an image on the base image with that many layers of one file each; gives its id. */
  async function buildLayeredImage(name: string, layers: number, largeFileBytes = 0): Promise<string> {
    const repository = name.slice(name.indexOf('/') + 1)
    const numbers = Array.from({ length: layers }, (_, index) => index + 1)
    const context = await folder.directory('context', repository)
    for (const number of numbers) await folder.file(`context/${repository}/${number}`, `layer ${number} of ${repository}`)
    await folder.file(`context/${repository}/large`, fixedBytes(largeFileBytes))
    const copies = numbers.map((number) => `COPY ${number === 1 ? 'large' : ''} ${number} /layer/`)
    await folder.file(`context/${repository}/Dockerfile`, ['FROM base', ...copies].join('\n'))
    const printed = await daemon.docker('build', '--quiet', '--tag', name, context)
    return printed.trim()
  }

  async function layerFile(name: string, number: number): Promise<string> {
    return await daemon.docker('run', '--rm', '--network=none', name, '/bin/sh', '-c', `busybox cat /layer/${number}`)
  }
})
