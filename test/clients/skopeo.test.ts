import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ContainersTools } from '../support/containers-tools.ts'
import { expectImageDirectory, readImageLayout, writeImageDirectory } from '../support/image-directory.ts'
import { blobsOf, type Content, type Image, type ImageFormat, makeImage, makeImageIndex, sha256 } from '../support/images.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { registryUnderTest, startRegistry } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000

describeWith({ programs: ['skopeo'] }, 'skopeo', () => {
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

  for (const format of ['oci', 'docker'] satisfies readonly ImageFormat[]) {
    test(
      `an image in ${format} format is copied in and out again with the same bytes`,
      async () => {
        const image = makeImage(`in and out ${format}`, { format, layers: 3 })
        const name = await pushed(`in-out/${format}`, 'v1', image)

        await skopeo('copy', '--src-tls-verify=false', `docker://${name}:v1`, `dir:${await folder.directory('out', format)}`)

        await expectImageDirectory(folder.join('out', format), image.manifest, [image])
      },
      TEST_MS,
    )
  }

  test(
    'an image is copied out to an OCI layout and from there in again with the same digests',
    async () => {
      const image = makeImage('image layout')
      const name = await pushed('image-layout', 'v1', image)
      const layout = `oci:${folder.join('layout')}:v1`

      await skopeo('copy', '--src-tls-verify=false', `docker://${name}:v1`, layout)
      await skopeo('copy', '--dest-tls-verify=false', layout, `docker://${name}:v2`)

      const digests = await readImageLayout(folder.join('layout'))
      expect([...digests].sort()).toEqual([image.manifest, ...blobsOf(image)].map(({ digest }) => digest).sort())
      const inspected = JSON.parse(await skopeo('inspect', '--tls-verify=false', `docker://${name}:v2`))
      expect(inspected.Digest).toBe(image.manifest.digest)
    },
    TEST_MS,
  )

  test(
    'an image is converted to the other format while it is copied',
    async () => {
      const image = makeImage('converted', { format: 'oci' })
      const name = await pushed('converted', 'oci', image)

      await skopeo(
        'copy',
        '--src-tls-verify=false',
        '--dest-tls-verify=false',
        '--format',
        'v2s2',
        `docker://${name}:oci`,
        `docker://${name}:v2s2`,
      )

      const raw = JSON.parse(await skopeo('inspect', '--tls-verify=false', '--raw', `docker://${name}:v2s2`))
      expect(raw.mediaType).toBe('application/vnd.docker.distribution.manifest.v2+json')
      expect(digestsOf(raw.layers)).toEqual(image.layers.map(({ digest }) => digest))
    },
    TEST_MS,
  )

  test(
    'list-tags names every tag of a repository and of no other',
    async () => {
      const tags = ['latest', '1.0', 'v2_final', 'Rc.1']
      for (const tag of tags) await pushed('tags/many', tag, makeImage(`tagged ${tag}`))
      await pushed('tags/many/below', 'other', makeImage('tagged other'))

      const listed = JSON.parse(await skopeo('list-tags', '--tls-verify=false', `docker://${registry.address}/tags/many`))

      expect(listed.Tags.toSorted()).toEqual(tags.toSorted())
    },
    TEST_MS,
  )

  test(
    'inspect shows digest, tags and layers, and with --raw the exact manifest',
    async () => {
      const image = makeImage('inspected', { layers: 3 })
      const name = await pushed('inspected', 'v1', image)

      const inspected = JSON.parse(await skopeo('inspect', '--tls-verify=false', `docker://${name}:v1`))
      const raw = await skopeo('inspect', '--tls-verify=false', '--raw', `docker://${name}@${image.manifest.digest}`)

      expect(inspected.Digest).toBe(image.manifest.digest)
      expect(inspected.RepoTags).toEqual(['v1'])
      expect(inspected.Layers).toEqual(image.layers.map(({ digest }) => digest))
      expect(sha256(new TextEncoder().encode(raw))).toBe(image.manifest.digest)
    },
    TEST_MS,
  )

  test(
    'delete takes the image and its tags away',
    async () => {
      const name = await pushed('deleted', 'v1', makeImage('deleted'))
      await pushed('deleted', 'kept', makeImage('kept'))

      await skopeo('delete', '--tls-verify=false', `docker://${name}:v1`)

      const inspected = await tools.tryRun('skopeo', 'inspect', '--tls-verify=false', `docker://${name}:v1`)
      expect(inspected.exitCode).toBe(1)
      expect(inspected.stderr).toContain('manifest unknown')
      const listed = JSON.parse(await skopeo('list-tags', '--tls-verify=false', `docker://${name}`))
      expect(listed.Tags).toEqual(['kept'])
    },
    TEST_MS,
  )

  test(
    'an image is copied between two repositories by mounting its blobs',
    async () => {
      const image = makeImage('between', { layers: 3 })
      const source = await pushed('between/source', 'v1', image)
      const target = `${registry.address}/between/target`
      const verify = ['--src-tls-verify=false', '--dest-tls-verify=false']

      const { stderr } = await tools.tryRun(
        'skopeo',
        '--debug',
        'copy',
        ...verify,
        `docker://${source}:v1`,
        `docker://${target}:v1`,
      )

      expect(stderr.match(/mount OK/g)).toHaveLength(image.layers.length)
      await skopeo('copy', '--src-tls-verify=false', `docker://${target}:v1`, `dir:${folder.join('between')}`)
      await expectImageDirectory(folder.join('between'), image.manifest, [image])
    },
    TEST_MS,
  )

  for (const format of ['oci', 'docker'] satisfies readonly ImageFormat[]) {
    test(
      `a manifest list in ${format} format is copied whole, with all its images`,
      async () => {
        const images = ['amd64', 'arm64'].map((architecture) => makeImage(`list ${architecture}`, { architecture, format }))
        const list = makeImageIndex(images, format)
        const name = await pushedContent(`lists/${format}`, 'v1', list.manifest, images)

        await skopeo(
          'copy',
          '--all',
          '--src-tls-verify=false',
          `docker://${name}:v1`,
          `dir:${await folder.directory('lists', format)}`,
        )

        await expectImageDirectory(folder.join('lists', format), list.manifest, images)
      },
      TEST_MS,
    )
  }

  test(
    'one image of a manifest list is chosen by its architecture',
    async () => {
      const images = ['amd64', 'arm64'].map((architecture) => makeImage(`chosen ${architecture}`, { architecture }))
      const name = await pushedContent('chosen', 'v1', makeImageIndex(images).manifest, images)

      const inspected = JSON.parse(
        await skopeo('--override-arch', 'arm64', 'inspect', '--tls-verify=false', `docker://${name}:v1`),
      )

      expect(inspected.Architecture).toBe('arm64')
      expect(inspected.Layers).toEqual(images[1]?.layers.map(({ digest }) => digest))
    },
    TEST_MS,
  )

  test(
    'sync brings a whole repository into another registry path',
    async () => {
      for (const tag of ['a', 'b']) await pushed('synced', tag, makeImage(`synced ${tag}`))

      await skopeo(
        'sync',
        '--src-tls-verify=false',
        '--src',
        'docker',
        '--dest',
        'dir',
        `${registry.address}/synced`,
        folder.join('sync'),
      )
      await skopeo(
        'sync',
        '--dest-tls-verify=false',
        '--src',
        'dir',
        '--dest',
        'docker',
        folder.join('sync'),
        `${registry.address}/copy`,
      )

      const listed = JSON.parse(await skopeo('list-tags', '--tls-verify=false', `docker://${registry.address}/copy/synced`))
      expect(listed.Tags.toSorted()).toEqual(['a', 'b'])
    },
    TEST_MS,
  )

  test(
    'a copy of what is not there fails and says that it is unknown',
    async () => {
      const source = `docker://${registry.address}/nobody/pushed:this`

      const { exitCode, stderr } = await tools.tryRun(
        'skopeo',
        'copy',
        '--src-tls-verify=false',
        source,
        `dir:${folder.join('no')}`,
      )

      expect(exitCode).toBe(1)
      expect(stderr).toMatch(registryUnderTest === 'Berth' ? /(manifest|name) unknown/ : /unknown/)
    },
    TEST_MS,
  )

  async function skopeo(...words: readonly string[]): Promise<string> {
    return await tools.run('skopeo', ...words)
  }

  async function pushed(repository: string, tag: string, image: Image): Promise<string> {
    return await pushedContent(repository, tag, image.manifest, [image])
  }

  /** Copies an image or a list into the registry, bytes unchanged; gives its name without the tag. */
  async function pushedContent(repository: string, tag: string, manifest: Content, images: readonly Image[]): Promise<string> {
    const source = folder.join('in', repository, tag)
    const name = `${registry.address}/${repository}`
    await writeImageDirectory(source, manifest, images)
    await skopeo('copy', '--all', '--preserve-digests', '--dest-tls-verify=false', `dir:${source}`, `docker://${name}:${tag}`)
    return name
  }
})

function digestsOf(descriptors: readonly { readonly digest: string }[]): readonly string[] {
  return descriptors.map(({ digest }) => digest)
}
