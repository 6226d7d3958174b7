import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ContainersTools } from '../support/containers-tools.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { ImageLab } from '../support/image-lab.ts'
import { makeImage, makeImageIndex, sha256 } from '../support/images.ts'
import { dockerEntries, layoutEntries, madeTar, newDockerEntries } from '../support/made-tar.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 120_000

let lab: ImageLab
beforeAll(async () => {
  lab = await ImageLab.start()
}, TEST_MS)
afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

describe('berth image load', () => {
  test(
    'pushes an OCI layout digest for digest, from a file, a folder, compressed, and from standard input',
    async () => {
      const image = makeImage('layout')
      const entries = layoutEntries(image)
      const archive = await lab.folder.file('layout.tar', madeTar(entries))
      const packed = await lab.folder.file('layout.tar.gz', Bun.gzipSync(madeTar(entries)))
      const zstd = await lab.folder.file('layout.tar.zst', Bun.zstdCompressSync(madeTar(entries)))
      for (const { path, bytes = '' } of entries) await lab.folder.file(`layout/${path}`, Buffer.from(bytes))

      for (const [at, source] of [archive, packed, zstd, lab.folder.join('layout')].entries()) {
        const printed = await lab.berth('load', source, lab.name(`layout${at}:v1`))
        expect(printed).toBe(`${lab.name(`layout${at}:v1`)}@${image.manifest.digest}\n`)
        expect(await lab.digestOf(`layout${at}`, 'v1')).toBe(image.manifest.digest)
      }
      const read = await lab.tryBerth(['load', '-', lab.name('layout-stdin:v1')], { stdin: Bun.file(archive) })
      expect([read.exitCode, await lab.digestOf('layout-stdin', 'v1')]).toEqual([0, image.manifest.digest])
    },
    TEST_MS,
  )

  test(
    'gives an image several names, and sends its layers once',
    async () => {
      const archive = await lab.folder.file('names.tar', madeTar(layoutEntries(makeImage('names'))))

      const names = ['one:v1', 'one:v2', 'two:v1'].map((name) => lab.name(name))
      const { exitCode, stdout, stderr } = await lab.tryBerth(['load', archive, ...names])

      expect([exitCode, stdout.split('\n').length]).toEqual([0, 4])
      expect([stderr.match(/ sent$/gm)?.length, stderr.match(/ mounted$/gm)?.length]).toEqual([3, 3])
      expect(await lab.digestOf('two', 'v1')).toBe(makeImage('names').manifest.digest)
    },
    TEST_MS,
  )

  test(
    "compresses the layers of Docker's archive, the same each time, and keeps its config byte for byte",
    async () => {
      const layers = ['a', 'b', 'a'].map((path) => madeTar([{ path, bytes: path.repeat(100_000) }]))
      const archive = await lab.folder.file('docker.tar', madeTar(dockerEntries(layers)))

      const [first, second] = [
        await lab.berth('load', archive, lab.name('docker:v1')),
        await lab.berth('load', archive, lab.name('docker:v1')),
      ]

      expect(second).toBe(first)
      const manifest = await lab.json('docker', 'manifests/v1')
      const config = await lab.json('docker', `blobs/${manifest.config.digest}`)
      expect(config.rootfs.diff_ids).toEqual(layers.map(sha256))
      expect(manifest.layers).toHaveLength(3)
      expect(manifest.layers[0]).toEqual(manifest.layers[2])
      for (const [at, { digest, mediaType }] of manifest.layers.entries()) {
        const blob = await (await fetch(`${lab.registry.url}/v2/docker/blobs/${digest}`)).arrayBuffer()
        expect([mediaType, Buffer.from(Bun.gunzipSync(blob)).equals(layers[at] as Buffer)]).toEqual([
          'application/vnd.oci.image.layer.v1.tar+gzip',
          true,
        ])
      }
    },
    TEST_MS,
  )

  test(
    'compresses the layers of what Docker saves since version 25, which is an OCI layout as well',
    async () => {
      const layers = ['a', 'b'].map((path) => madeTar([{ path, bytes: path.repeat(10_000) }]))
      const old = await lab.folder.file('docker-24.tar', madeTar(dockerEntries(layers)))
      const both = await lab.folder.file('docker-25.tar', madeTar(newDockerEntries(layers)))

      await lab.berth('load', old, lab.name('docker-24:v1'))
      await lab.berth('load', both, lab.name('docker-25:v1'), '--image', 'app:v1')

      expect(await lab.digestOf('docker-25', 'v1')).toBe(await lab.digestOf('docker-24', 'v1'))
    },
    TEST_MS,
  )

  test(
    'of several images takes the one that is named, and says which there are',
    async () => {
      const [one, two] = ['one', 'two'].map((name) => makeImage(name)) as [
        ReturnType<typeof makeImage>,
        ReturnType<typeof makeImage>,
      ]
      const index = [one, two].map(
        (image, at) =>
          JSON.parse(String(layoutEntries(image, { 'org.opencontainers.image.ref.name': `v${at}` }).at(-1)?.bytes)).manifests[0],
      )
      const entries = [...layoutEntries(one).slice(0, -1), ...layoutEntries(two).slice(1, -1)]
      const shared = entries.filter(({ path }, at) => entries.findIndex((entry) => entry.path === path) === at)
      const both = madeTar([...shared, { path: 'index.json', bytes: JSON.stringify({ schemaVersion: 2, manifests: index }) }])
      const archive = await lab.folder.file('several.tar', both)

      const unclear = await lab.tryBerth(['load', archive, lab.name('several:v1')])
      const absent = await lab.tryBerth(['load', archive, lab.name('several:v1'), '--image', 'v9'])
      const printed = await lab.berth('load', archive, lab.name('several:v1'), '--image', 'v1')

      expect(unclear).toMatchObject({
        exitCode: 1,
        stderr: `berth: ${archive} has several images (v0, v1); choose one with --image\n`,
      })
      expect(absent).toMatchObject({ exitCode: 1, stderr: `berth: ${archive} has no image v9; it has v0, v1\n` })
      expect(printed).toContain(two.manifest.digest)
    },
    TEST_MS,
  )

  test(
    'pushes an image index whole, or the image of one platform, also where the archive has no other',
    async () => {
      const images = ['amd64', 'arm64'].map((architecture) => makeImage(`of ${architecture}`, { architecture }))
      const list = makeImageIndex(images)
      const blobs = images.flatMap((image) => layoutEntries(image).slice(1, -1))
      const blob = { path: `blobs/sha256/${list.manifest.digest.slice(7)}`, bytes: list.manifest.bytes }
      const root = { mediaType: list.manifest.mediaType, digest: list.manifest.digest, size: list.manifest.bytes.length }
      const frame = [
        { path: 'oci-layout', bytes: '{"imageLayoutVersion":"1.0.0"}' },
        { path: 'index.json', bytes: JSON.stringify({ schemaVersion: 2, manifests: [root] }) },
      ]
      const whole = await lab.folder.file('index.tar', madeTar([...frame, blob, ...blobs]))
      const part = await lab.folder.file('part.tar', madeTar([...frame, blob, ...layoutEntries(images[1] as never).slice(1, -1)]))

      await lab.berth('load', whole, lab.name('index:whole'))
      await lab.berth('load', part, lab.name('index:arm'), '--platform', 'linux/arm64')
      const missing = await lab.tryBerth(['load', part, lab.name('index:part')])

      expect(await lab.digestOf('index', 'whole')).toBe(list.manifest.digest)
      expect(await lab.digestOf('index', 'arm')).toBe(images[1]?.manifest.digest)
      expect([missing.exitCode, await lab.digestOf('index', 'part')]).toEqual([1, undefined])
      expect(missing.stderr).toContain('name the platform that it has with --platform')
    },
    TEST_MS,
  )

  test.each([
    ['what is not there', ['load', '/nonexistent/a.tar', 'localhost:1/a'], /cannot be read: ENOENT/],
    ['a name that is none', ['load', 'a.tar', 'localhost:1/A B'], /is no name of an image/],
    ['a digest for a name', ['load', 'a.tar', `localhost:1/a@sha256:${'a'.repeat(64)}`], /names a digest/],
    ['no name', ['load', 'a.tar'], /missing required argument 'names'/],
  ])('refuses %s', async (_, words, says) => {
    const { exitCode, stderr } = await lab.tryBerth(words)

    expect(stderr).toMatch(says)
    expect(exitCode).toBe(1)
  })

  test('refuses an archive that was cut with a sentence, and leaves no temporary file', async () => {
    const whole = Bun.gzipSync(madeTar(layoutEntries(makeImage('cut'))))
    const archive = await lab.folder.file('cut.tar.gz', whole.subarray(0, whole.length - 100))

    const { exitCode, stderr } = await lab.tryBerth(['load', archive, lab.name('cut:v1')])

    expect([exitCode, stderr.split('\n').length]).toEqual([1, 2])
    expect(stderr).toMatch(/^berth: \S+cut\.tar\.gz cannot be read whole/)
    expect([...new Bun.Glob('berth-image-*').scanSync({ cwd: lab.environment.TMPDIR ?? '', onlyFiles: false })]).toEqual([])
  })

  test('says of a registry that is not there that it does not answer', async () => {
    const archive = await lab.folder.file('nowhere.tar', madeTar(layoutEntries(makeImage('nowhere'))))

    const { exitCode, stderr } = await lab.tryBerth(['load', archive, 'localhost:1/nowhere:v1'])

    expect(stderr).toMatch(/^berth: The registry http:\/\/localhost:1 does not answer as it should: /)
    expect(exitCode).toBe(1)
  })
})

describeWith({ programs: [...DOCKER_PROGRAMS, 'podman', 'skopeo'], root: true }, 'with Docker, podman and skopeo', () => {
  const resources = new AsyncDisposableStack()
  let daemon: DockerDaemon
  let tools: ContainersTools

  beforeAll(async () => {
    daemon = resources.use(await DockerDaemon.start(lab.folder))
    tools = await ContainersTools.create(lab.folder)
    await daemon.importBaseImage(lab.folder, 'base:v1')
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test(
    'what docker save wrote is pushed, pulled and run, and saved for docker load on a machine without it',
    async () => {
      await daemon.docker('save', '-o', lab.folder.join('saved.tar'), 'base:v1')

      await lab.berth('load', lab.folder.join('saved.tar'), lab.name('from-docker:v1'))
      const id = await daemon.imageId('base:v1')
      await daemon.docker('pull', '-q', lab.name('from-docker:v1'))
      expect(await runs(lab.name('from-docker:v1'))).toBe('it runs\n')
      await daemon.docker('image', 'rm', lab.name('from-docker:v1'))
      await lab.berth('save', lab.name('from-docker:v1'), lab.folder.join('to-docker.tar'))
      const loaded = await daemon.docker('load', '-i', lab.folder.join('to-docker.tar'))

      expect(loaded).toContain(lab.name('from-docker:v1'))
      expect(await daemon.imageId(lab.name('from-docker:v1'))).toBe(id)
      expect(await runs(lab.name('from-docker:v1'))).toBe('it runs\n')
    },
    TEST_MS,
  )

  test.each(['docker-archive', 'oci-archive', 'oci-dir'])(
    'what podman save wrote as %s is pushed and runs, and what was saved is loaded by podman',
    async (format) => {
      const file = lab.folder.join(`podman-${format}`)
      const name = lab.name(`podman-${format}:v1`)
      await daemon.docker('save', '-o', lab.folder.join('for-podman.tar'), 'base:v1')
      const loaded = await tools.run('podman', 'load', '-q', '-i', lab.folder.join('for-podman.tar'))
      const [, there = ''] = /Loaded image: (\S+)/.exec(loaded) ?? []
      await tools.run('podman', 'save', '-q', '--format', format, '-o', file, there)

      await lab.berth('load', file, name)
      await lab.berth('save', name, lab.folder.join(`to-podman-${format}.tar`))
      await tools.run('podman', 'load', '-q', '-i', lab.folder.join(`to-podman-${format}.tar`))
      const ran = await tools.run('podman', 'run', '--rm', '--network=none', name, '/bin/sh', '-c', 'echo it runs')

      expect(ran).toBe('it runs\n')
    },
    TEST_MS,
  )

  test.each(['oci', 'oci-archive', 'docker-archive'])(
    'what skopeo wrote as %s is pushed, and skopeo reads what was saved of it',
    async (transport) => {
      const image = makeImage(`skopeo ${transport}`)
      await lab.berth(
        'load',
        await lab.folder.file('in.tar', madeTar(layoutEntries(image))),
        lab.name(`skopeo-in-${transport}:v1`),
      )
      const file = lab.folder.join(`skopeo-${transport}`)
      const target = transport === 'docker-archive' ? `${transport}:${file}` : `${transport}:${file}:v1`
      await tools.run('skopeo', 'copy', '--src-tls-verify=false', `docker://${lab.name(`skopeo-in-${transport}:v1`)}`, target)

      await lab.berth('load', file, lab.name(`skopeo-out-${transport}:v1`))
      const saved = lab.folder.join(`saved-${transport}.tar`)
      await lab.berth('save', lab.name(`skopeo-out-${transport}:v1`), saved)
      const inspected = JSON.parse(await tools.run('skopeo', 'inspect', `oci-archive:${saved}:v1`))
      const asDocker = JSON.parse(await tools.run('skopeo', 'inspect', '--config', `docker-archive:${saved}`))

      if (transport !== 'docker-archive') expect(inspected.Digest).toBe(image.manifest.digest)
      expect(asDocker).toEqual(JSON.parse(new TextDecoder().decode(image.config.bytes)))
    },
    TEST_MS,
  )

  async function runs(name: string): Promise<string> {
    return await daemon.docker('run', '--rm', '--network=none', name, '/bin/sh', '-c', 'echo it runs')
  }
})
