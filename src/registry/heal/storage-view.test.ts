import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { bytesOf, placementOf } from '../../../test/support/storage-driver-contract.ts'
import { digestOf } from '../../oci/digest.ts'
import { OCI_IMAGE_INDEX } from '../../oci/media-types.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { layout } from '../../storage/layout.ts'
import { StorageView } from './storage-view.ts'

const repository = parseRepositoryName('a')
const tag = parseTag('v1')
const digest = digestOf('sha256', bytesOf('content'))
const sha512 = digestOf('sha512', bytesOf('content'))
const nothing = digestOf('sha256', bytesOf(''))

/** What no registry reads as a digest. */
const NO_LINKS = [
  '',
  'sha256:',
  digest.slice(0, -1),
  `${digest}\n`,
  ` ${digest}`,
  digest.toUpperCase(),
  'x'.repeat(300),
  '\u0000'.repeat(71),
]

let berth: RestartableRegistry
let view: StorageView

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory' }, { database: 'kept', maintenance: 'off' })
  view = new StorageView(berth.storage, berth.metadata.read)
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
})

async function placeBlob(of: typeof digest, text: string): Promise<void> {
  await berth.storage.place([placementOf(layout.blobDirectory(of), { data: text })])
}

describe('a tag', () => {
  async function observed(link: string) {
    await berth.storage.place([placementOf(layout.tag(repository, tag), { 'current/link': link })])
    return (await view.observeTag({ kind: 'tag', repository, tag })).digest
  }

  test('points to what its current link says', async () => {
    expect(await observed(digest)).toBe(digest)
    expect(await observed(sha512)).toBe(sha512)
  })

  test.each(NO_LINKS)('is absent when its link is %j', async (link) => {
    expect(await observed(link)).toBeUndefined()
  })

  test('is absent when there is only its history', async () => {
    await berth.storage.place([placementOf(layout.tag(repository, tag), { [`index/sha256/${digest.slice(7)}/link`]: digest })])

    expect((await view.observeTag({ kind: 'tag', repository, tag })).digest).toBeUndefined()
  })
})

describe('a blob', () => {
  test('is as large as its file', async () => {
    await placeBlob(digest, 'content')
    await placeBlob(nothing, '')

    expect(await view.blobSize(digest)).toBe(7)
    expect(await view.blobSize(nothing)).toBe(0)
  })

  test('is absent when its file is empty without right, or no file', async () => {
    await placeBlob(digest, '')
    expect(await view.blobSize(digest)).toBeUndefined()

    await berth.storage.place([placementOf(layout.blob(sha512), { deeper: 'x' })])
    expect(await view.blobSize(sha512)).toBeUndefined()
  })
})

describe('a link', () => {
  async function observed(link: string) {
    await berth.storage.place([placementOf(layout.layer(repository, sha512), { link })])
    return (await view.observeLink({ kind: 'link', repository, digest: sha512 })).found
  }

  test('names the bytes, also those of another digest (registry:2’s aliases)', async () => {
    await placeBlob(digest, 'content')

    expect(await observed(digest)).toEqual({ target: digest, size: 7 })
  })

  test('without bytes is absent', async () => {
    expect(await observed(digest)).toBeUndefined()
  })

  test.each(NO_LINKS)('is absent when it is %j', async (link) => {
    await placeBlob(digest, 'content')

    expect(await observed(link)).toBeUndefined()
  })
})

describe('a manifest', () => {
  const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests: [] })
  const manifest = digestOf('sha256', bytesOf(text))

  async function observed({ link = manifest as string, bytes = text } = {}) {
    await berth.storage.place([
      placementOf(layout.blobDirectory(manifest), { data: bytes }),
      placementOf(layout.revision(repository, manifest), { link }),
    ])
    return (await view.observeManifest({ kind: 'manifest', repository, digest: manifest })).found
  }

  test('is found with its bytes and what they say', async () => {
    expect(await observed()).toMatchObject({
      size: text.length,
      content: { digest: manifest, manifest: { mediaType: OCI_IMAGE_INDEX } },
    })
  })

  test('is absent when its bytes are others, of whatever length', async () => {
    expect(await observed({ bytes: text.replace('2', '1') })).toBeUndefined()
    expect(await observed({ bytes: `${text} ` })).toBeUndefined()
    expect(await observed({ bytes: '' })).toBeUndefined()
    expect(await observed({ bytes: 'x'.repeat(5 * 1024 * 1024) })).toBeUndefined()
  })

  test('is absent when its revision names another one', async () => {
    expect(await observed({ link: digest })).toBeUndefined()
    expect(await observed({ link: '' })).toBeUndefined()
  })
})

test('a storage that cannot be read is no storage without content', async () => {
  berth.storage.readSmall = async () => await Promise.reject(new Error('EIO'))
  berth.storage.stat = async () => await Promise.reject(new Error('EIO'))

  await expect(view.observeTag({ kind: 'tag', repository, tag })).rejects.toThrow('EIO')
  await expect(view.blobSize(digest)).rejects.toThrow('EIO')
})
