import { afterAll, beforeAll, expect, test } from 'bun:test'
import { TemporaryFiles } from '../../src/images/files/temporary-files.ts'
import { ImageError, inUsersWords } from '../../src/images/image-error.ts'
import { parseTagName } from '../../src/images/image-name.ts'
import { loadImage } from '../../src/images/load-image.ts'
import { pushImage } from '../../src/images/push/destination.ts'
import { PushTarget } from '../../src/upstream/push-target.ts'
import { HOSTILE_ARCHIVES } from '../support/hostile-archives.ts'
import { ImageLab } from '../support/image-lab.ts'
import { makeImage } from '../support/images.ts'
import { layoutEntries, madeTar } from '../support/made-tar.ts'

const TEST_MS = 180_000
const signal = new AbortController().signal

let lab: ImageLab
beforeAll(async () => {
  lab = await ImageLab.start()
}, TEST_MS)
afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

/** As `berth image load` does, without a program of its own for each archive. */
async function load(bytes: Uint8Array, repository: string): Promise<void> {
  const archive = await lab.folder.file('archive.tar', bytes)
  const name = parseTagName(lab.name(`${repository}:v1`))
  await using temporary = await TemporaryFiles.create()
  await inUsersWords(async () => {
    const content = await loadImage(archive, { temporary, signal, standardInput: () => new Response(bytes).body as never })
    const target = new PushTarget({ url: new URL(lab.registry.url) })
    await pushImage(content, [{ name, target }], { onBlob: () => undefined, signal })
  })
}

test.each(HOSTILE_ARCHIVES)(
  'berth image load refuses $what, and makes no tag',
  async ({ what, bytes, says }) => {
    const repository = `hostile/${HOSTILE_ARCHIVES.findIndex((archive) => archive.what === what)}`
    const error: unknown = await load(bytes, repository).catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(ImageError)
    expect(String(error)).toMatch(says)
    expect(await lab.digestOf(repository, 'v1')).toBeUndefined()
  },
  TEST_MS,
)

test('an archive that is right is taken, so that the others are refused for what is wrong with them', async () => {
  const image = makeImage('right')

  await load(madeTar(layoutEntries(image)), 'right')

  expect(await lab.digestOf('right', 'v1')).toBe(image.manifest.digest)
})
