import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { makeImage } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { currentNumber } from '../../metadata/query.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { ChangedMeanwhile } from './manifest-removal.ts'

const app = parseRepositoryName('app')
const image = makeImage('first')
const other = makeImage('other')
const digest = parseDigest(image.manifest.digest)
const request = { actor: ownWork('test'), isForced: false }

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  await pushImage(berth.client, image, 'v1')
  await pushImage(berth.client, other, 'v2')
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

const now = () => currentNumber(berth.opened.metadata.read)
const status = async (reference: string) => (await berth.client.headManifest('app', reference)).status

describe('a delete of what was looked at before', () => {
  test('takes the tag that is still so', async () => {
    const asOf = await now()

    const deleted = await berth.registry.manifests.delete(app, parseTag('v1'), { ...request, asOf })

    expect(deleted).toEqual({ tags: [parseTag('v1')] })
    expect(await status('v1')).toBe(404)
  })

  test('leaves a tag that has been pushed again since', async () => {
    const asOf = await now()
    await expectStatus(await berth.client.putManifest('app', 'v1', other.manifest), 201)

    const deleting = berth.registry.manifests.delete(app, parseTag('v1'), { ...request, asOf })

    await expect(deleting).rejects.toBeInstanceOf(ChangedMeanwhile)
    expect(await status('v1')).toBe(200)
  })

  test('leaves a manifest on which a tag has been put since', async () => {
    const asOf = await now()
    await berth.registry.manifests.delete(app, parseTag('v1'), request)
    await expectStatus(await berth.client.putManifest('app', 'v2', image.manifest), 201)

    const deleting = berth.registry.manifests.delete(app, digest, { ...request, asOf })

    await expect(deleting).rejects.toBeInstanceOf(ChangedMeanwhile)
    expect([await status('v2'), await status(digest)]).toEqual([200, 200])
  })

  test('takes a manifest with its tags, and names them', async () => {
    await expectStatus(await berth.client.putManifest('app', 'latest', image.manifest), 201)
    const asOf = await now()

    const { tags } = await berth.registry.manifests.delete(app, digest, { ...request, asOf })

    expect([...tags].sort()).toEqual([parseTag('latest'), parseTag('v1')])
    expect([await status('v1'), await status(digest), await status('v2')]).toEqual([404, 404, 200])
  })
})
