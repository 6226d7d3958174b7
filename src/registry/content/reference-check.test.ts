import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { ownWork } from '../../observe/actor.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from '../../oci/media-types.ts'
import { parseRepositoryName } from '../../oci/name.ts'

const repository = parseRepositoryName('a')
const other = parseRepositoryName('b')
const LAYER = 'application/vnd.oci.image.layer.v1.tar'
const FOREIGN_LAYER = 'application/vnd.oci.image.layer.nondistributable.v1.tar'

let berth: RestartableRegistry

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory' })
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
})

function digest(text: string): Digest {
  return digestOf('sha256', new TextEncoder().encode(text))
}

function descriptor(text: string, mediaType = LAYER) {
  return { mediaType, digest: digest(text), size: text.length }
}

async function pushBlobs(...texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    const chunk = { body: new Response(text).body, start: undefined, length: undefined }
    await berth.registry.uploads.push(repository, { digest: digest(text), chunk, actor: ownWork('test') })
  }
}

async function push(body: object, into = repository): Promise<Digest> {
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, ...body }))
  const reference = digestOf('sha256', bytes)
  await berth.registry.manifests.put(into, { reference, tags: [], contentType: undefined, bytes, actor: ownWork('test') })
  return reference
}

async function pushImage(config: string, ...layers: readonly object[]): Promise<Digest> {
  return await push({ mediaType: OCI_IMAGE_MANIFEST, config: descriptor(config), layers })
}

async function pushIndex(...manifests: readonly object[]): Promise<Digest> {
  return await push({ mediaType: OCI_IMAGE_INDEX, manifests })
}

function missing(...texts: readonly string[]) {
  return expect.objectContaining({ code: 'MANIFEST_BLOB_UNKNOWN', detail: { missing: texts.map(digest) } })
}

describe('the content that a manifest names', () => {
  test('must be in the repository: every part that is missing is named', async () => {
    await pushBlobs('config', 'two')

    await expect(pushImage('config', descriptor('one'), descriptor('two'), descriptor('three'))).rejects.toEqual(
      missing('one', 'three'),
    )
    await expect(pushImage('none')).rejects.toEqual(missing('none'))

    await pushBlobs('one', 'three')
    await pushImage('config', descriptor('one'), descriptor('two'), descriptor('three'))
  })

  test('in another repository is not in this one', async () => {
    await pushBlobs('config')

    await expect(push({ mediaType: OCI_IMAGE_MANIFEST, config: descriptor('config') }, other)).rejects.toEqual(missing('config'))
  })

  test('may be named many times over, and be much', async () => {
    const texts = Array.from({ length: 40 }, (_, index) => `layer ${index}`)
    await pushBlobs('config', ...texts)

    await pushImage('config', ...[...texts, ...texts, 'config'].map((text) => descriptor(text)))
    await expect(pushImage('config', ...[...texts, 'none'].map((text) => descriptor(text)))).rejects.toEqual(missing('none'))
  })

  test('may be absent where it is a layer that lives elsewhere', async () => {
    await pushBlobs('config')

    await pushImage('config', descriptor('elsewhere', FOREIGN_LAYER))
  })

  test('may not be absent when it is named as anything else as well', async () => {
    await pushBlobs('config')

    await expect(pushImage('config', descriptor('x'), descriptor('x', FOREIGN_LAYER))).rejects.toEqual(missing('x'))
    await expect(pushImage('config', descriptor('x', FOREIGN_LAYER), descriptor('x'))).rejects.toEqual(missing('x'))
    await expect(pushImage('none', descriptor('none', FOREIGN_LAYER))).rejects.toEqual(missing('none'))
  })

  test('is gone when it was deleted from the repository', async () => {
    await pushBlobs('config')
    await berth.registry.blobs.delete(repository, digest('config'), { isForced: false, actor: ownWork('test') })

    await expect(pushImage('config')).rejects.toEqual(missing('config'))
  })
})

describe('a child of an image index', () => {
  test('may be a manifest or, as in a build cache, a blob', async () => {
    await pushBlobs('config', 'cache')
    const child = await pushImage('config')

    await pushIndex({ mediaType: OCI_IMAGE_MANIFEST, digest: child, size: 1 }, descriptor('cache'))
    await expect(pushIndex(descriptor('none', OCI_IMAGE_MANIFEST))).rejects.toEqual(missing('none'))
  })

  test('is gone when it was deleted', async () => {
    await pushBlobs('config')
    const child = await pushImage('config')
    await berth.registry.manifests.delete(repository, child, { isForced: false, actor: ownWork('test') })

    await expect(pushIndex({ mediaType: OCI_IMAGE_MANIFEST, digest: child, size: 1 })).rejects.toMatchObject({
      code: 'MANIFEST_BLOB_UNKNOWN',
      detail: { missing: [child] },
    })
  })
})

test('what this start has not seen yet is looked at in the storage', async () => {
  await pushBlobs('config')
  const child = await pushImage('config')
  await berth.restart({ database: 'gone', maintenance: 'off' })

  await pushIndex({ mediaType: OCI_IMAGE_MANIFEST, digest: child, size: 1 }, descriptor('config'))
  await expect(pushImage('none')).rejects.toEqual(missing('none'))
})
