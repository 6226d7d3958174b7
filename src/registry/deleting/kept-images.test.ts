import { afterEach, beforeEach, expect, test } from 'bun:test'
import { collectAll, TEST_POLICY } from '../../../test/support/collecting.ts'
import { makeImage, makeImageIndex } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { tagSetOf } from '../../../test/support/retention-rule.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { PushedTimes } from '../keeping/pushed-times.ts'
import { Deletions } from './deletions.ts'
import type { Selection } from './selection.ts'

const signal = new AbortController().signal
const APP = parseRepositoryName('ci/app')
const [amd, arm, base, tool] = ['amd', 'arm', 'base', 'tool'].map((name) => makeImage(name, { layers: 1 })) as [
  ReturnType<typeof makeImage>,
  ReturnType<typeof makeImage>,
  ReturnType<typeof makeImage>,
  ReturnType<typeof makeImage>,
]
const index = makeImageIndex([amd, arm])
const signature = makeImage('a signature', { layers: 1 })
const signatureTag = `${index.manifest.digest.replace(':', '-')}.sig`
const report = makeImage('a report', { subject: index.manifest, artifactType: 'application/vnd.test' })

let lab: RetentionLab
let deletions: Deletions

/** A protected image index with a signature and a report, a held tag, and a tag that nothing keeps. */
beforeEach(async () => {
  lab = new RetentionLab()
  await lab.start({ protected: [tagSetOf('ci/**', 'v*')] })
  const { scan, manifests, holds } = lab.berth.registry
  const seen = { names: () => scan.ensureNames(), repository: scan.ensureScanned.bind(scan) }
  deletions = new Deletions({
    ...{ metadata: lab.berth.opened.metadata, manifests, seen },
    freed: { ...TEST_POLICY, intervalMs: 0 },
    times: new PushedTimes(lab.berth.opened.metadata, lab.berth.storage),
  })
  await lab.push([amd, arm].map((image) => [image, image.manifest.digest] as const))
  await expectStatus(await lab.berth.client.putManifest(APP, 'v1', index.manifest), 201)
  await lab.push([
    [signature, signatureTag],
    [report, report.manifest.digest],
    [base, 'held'],
    [tool, 'tool'],
  ])
  await holds.hold(APP, parseTag('held'))
})
afterEach(() => lab[Symbol.asyncDispose]())

async function previewed(selection: Selection) {
  const [going, staying]: [string[], string[]] = [[], []]
  const preview = await deletions.preview(
    selection,
    (each) => {
      if (each.kind === 'stays') staying.push(`${each.reference}: ${each.because}`)
      else going.push(each.kind === 'tag' ? each.tag : `${each.kind} ${each.digest}`)
    },
    signal,
  )
  return { preview, going, staying }
}

/** Bytes of all blobs in the storage. */
async function storedBytes(): Promise<number> {
  const row = await lab.berth.opened.metadata.read.get<{ bytes: number }>('SELECT sum(size) AS bytes FROM blob')
  return row?.bytes ?? 0
}

test('a preview of a pattern of tags says which of them stay, and why', async () => {
  const tags = { fits: (name: string) => !name.startsWith('sha256-') }
  const { preview, going, staying } = await previewed({ kind: 'tags', repositories: { fits: () => true }, tags })

  expect(going).toEqual(['tool'])
  expect(staying).toEqual(['held: it is held (berth unhold lets it go)', 'v1: retention.protected names it'])
  expect(preview).toMatchObject({ tags: 1, manifests: 0, kept: 2, leftUntagged: 1 })
})

test('a preview of a tag, or of a manifest with its tags, says that it stays, and why', async () => {
  const ofTag = await previewed({ kind: 'tag', repository: APP, tag: parseTag('held') })
  const ofManifest = await previewed({ kind: 'manifest', repository: APP, digest: parseDigest(index.manifest.digest) })

  expect([ofTag.going, ofManifest.going]).toEqual([[], []])
  expect([ofTag.staying, ofManifest.staying]).toEqual([
    ['held: it is held (berth unhold lets it go)'],
    ['v1: retention.protected names it'],
  ])
  expect([ofTag.preview, ofManifest.preview]).toMatchObject(Array(2).fill({ tags: 0, manifests: 0, kept: 1, bytes: 0 }))
})

test('a repository that is deleted keeps what is protected or held, with its children, signatures and reports, as the preview says', async () => {
  const whole: Selection = { kind: 'repository', repository: APP }
  const { preview, going, staying } = await previewed(whole)
  const before = await storedBytes()

  const deletion = { actor: ownWork('test'), isForced: false, asOf: preview.asOf, signal, told: () => undefined }
  const result = await deletions.delete(whole, deletion)
  await collectAll(lab.berth)

  expect(going).toEqual(['tool', `manifest ${tool.manifest.digest}`])
  expect(staying).toHaveLength(9)
  expect(staying).toContain(`${signatureTag}: it belongs to an image that stays`)
  expect(result).toEqual({ tags: 1, manifests: 1, changed: 0, kept: 6 })
  const stays = ['v1', 'held', signatureTag, ...[report, amd, arm].map(({ manifest }) => manifest.digest)]
  expect(await lab.statuses(...stays, 'tool')).toEqual([...Array(6).fill(200), 404])
  expect(before - (await storedBytes())).toBe(preview.bytes)
})
