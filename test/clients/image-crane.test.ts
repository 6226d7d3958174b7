import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmod } from 'node:fs/promises'
import { buildCrane } from '../support/crane.ts'
import { BUILD_MS, GO } from '../support/go-program.ts'
import { ImageLab } from '../support/image-lab.ts'
import { makeImage } from '../support/images.ts'
import { layoutEntries, madeTar } from '../support/made-tar.ts'
import { runToSuccess } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 180_000

describeWith({ programs: [GO] }, 'crane', () => {
  let lab: ImageLab
  let program: string

  beforeAll(async () => {
    program = await buildCrane()
    lab = await ImageLab.start()
  }, BUILD_MS)
  afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

  async function crane(...words: readonly string[]): Promise<string> {
    return await runToSuccess([program, ...words], { environment: lab.environment })
  }

  // Its check reads every layer as gzip.
  test(
    'finds nothing wrong with an image that was created: each layer is what its config says',
    async () => {
      await lab.berth('load', await lab.folder.file('base.tar', madeTar(layoutEntries(makeImage('base')))), lab.name('base:v1'))
      await chmod(await lab.folder.file(`files/${'long-'.repeat(40)}/program`, 'x'.repeat(100_000)), 0o755)

      const add = ['--add', `${lab.folder.join('files')}:/srv/files`]
      await lab.berth('create', lab.name('created:v1'), '--base', lab.name('base:v1'), ...add)

      await crane('validate', '--remote', lab.name('created:v1'))
      const config = await crane('config', lab.name('created:v1'))
      expect(JSON.parse(config).rootfs.diff_ids).toHaveLength(3)
    },
    TEST_MS,
  )

  test(
    'pulls archives whose layers are compressed: their digests stay, and the manifest of a layout stays whole',
    async () => {
      const image = makeImage('pulled')
      await lab.berth('load', await lab.folder.file('in.tar', madeTar(layoutEntries(image))), lab.name('pulled:v1'))
      await crane('pull', lab.name('pulled:v1'), lab.folder.join('pulled.tar'))
      await crane('pull', '--format=oci', lab.name('pulled:v1'), lab.folder.join('pulled-layout'))

      await lab.berth('load', lab.folder.join('pulled.tar'), lab.name('again:tarball'))
      await lab.berth('load', lab.folder.join('pulled-layout'), lab.name('again:layout'))

      const manifest = await lab.json('again', 'manifests/tarball')
      expect(manifest.config.digest).toBe(image.config.digest)
      expect(manifest.layers.map(({ digest }: { digest: string }) => digest)).toEqual(image.layers.map(({ digest }) => digest))
      expect(await lab.digestOf('again', 'layout')).toBe(image.manifest.digest)
    },
    TEST_MS,
  )
})
