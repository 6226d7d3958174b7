import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type Content, contentOf, fixedBytes, makeImage } from './images.ts'
import { expectStatus } from './registry-client.ts'
import type { RegistryWriter } from './registry-writer.ts'

/** One operation of the protocol, as a client does it from its first request to the acknowledgement. */
export interface Work {
  readonly name: string
  readonly run: (writer: RegistryWriter) => Promise<void>
  /** A second try may find that the first one has done it. */
  readonly mayBeGone?: boolean
}

/** Works that run at once, on a registry that has been prepared. */
export interface Scenario {
  readonly title: string
  readonly prepare: (writer: RegistryWriter, dataDirectory: string) => Promise<void>
  readonly works: readonly Work[]
  /** The making of the data directory is part of it. */
  readonly fromTheStart?: boolean
  /** Words of the problems that the preparation has made by itself. */
  readonly damaged?: readonly string[]
}

const image = makeImage('image')
const other = makeImage('other')
const third = makeImage('third')
const blob = contentOf('application/octet-stream', fixedBytes(70_000))

const chunkedPush: Work = {
  name: 'a chunked blob push',
  run: async (writer) => {
    const { client, expected } = writer
    let location = await client.startUpload('app')
    location = await client.appendUpload(location, blob.bytes.subarray(0, 30_000))
    location = await client.appendUpload(location, blob.bytes.subarray(30_000, 50_000))
    await expectStatus(await client.closeUpload(location, blob.digest, blob.bytes.subarray(50_000)), 201)
    expected.blobPushed('app', blob)
  },
}

const monolithicPush: Work = {
  name: 'a blob push by POST and PUT',
  run: async (writer) => await writer.pushBlob('app', blob),
}

const singlePostPush: Work = {
  name: 'a blob push by one POST',
  run: async ({ client, expected }) => {
    const path = `/v2/app/blobs/uploads/?digest=${blob.digest}`
    const headers = { 'content-type': 'application/octet-stream' }
    await expectStatus(await client.request('POST', path, { headers, body: blob.bytes.slice() }), 201)
    expected.blobPushed('app', blob)
  },
}

const newTag: Work = {
  name: 'a manifest push under a new tag',
  run: async (writer) => await writer.putManifest('app', third.manifest, 'new'),
}

const movedTag: Work = {
  name: 'a manifest push that moves a tag',
  run: async (writer) => await writer.putManifest('app', third.manifest, 'latest'),
}

const tagMovedBack: Work = {
  name: 'a tag moved back to a manifest that it had',
  run: async (writer) => await writer.putManifest('app', other.manifest, 'latest'),
}

const severalTags: Work = {
  name: 'a manifest push with several tags',
  run: async ({ client, expected }) => {
    const { manifest } = third
    const reference = `${manifest.digest}?tag=latest&tag=one&tag=two`
    await expectStatus(await client.putManifest('app', reference, manifest), 201)
    expected.manifestPushed('app', manifest, ['latest', 'one', 'two'])
  },
}

const tagDelete: Work = {
  name: 'a tag delete',
  run: async (writer) => await writer.deleteTag('app', 'latest'),
  mayBeGone: true,
}

const manifestDelete: Work = {
  name: 'a manifest delete with its tags',
  run: async (writer) => await writer.deleteManifest('app', image.manifest),
  mayBeGone: true,
}

const blobDelete: Work = {
  name: 'a blob delete',
  run: async (writer) => await writer.deleteBlob('app', blob),
  mayBeGone: true,
}

const mount: Work = {
  name: 'a mount',
  run: async (writer) => await writer.mountBlob('elsewhere', image.config, 'app'),
}

const pushElsewhere: Work = {
  name: 'a push of an image with the same blobs into another repository',
  run: async (writer) => await writer.push('elsewhere', image, 'latest'),
}

const firstPush: Work = {
  name: 'the first push of an image',
  run: async (writer) => await writer.push('team/app', image, 'latest'),
}

async function withImages(writer: RegistryWriter): Promise<void> {
  await writer.push('app', other, 'other', 'latest')
  await writer.push('app', image, 'latest', 'image')
  for (const content of [third.config, ...third.layers]) await writer.pushBlob('app', content)
}

async function withBlob(writer: RegistryWriter): Promise<void> {
  await writer.push('app', image, 'latest')
  await writer.pushBlob('app', blob)
}

async function withDamagedBlob(writer: RegistryWriter, dataDirectory: string): Promise<void> {
  await withBlob(writer)
  truncateSync(blobPath(dataDirectory, blob), 1000)
}

export function blobPath(dataDirectory: string, { digest }: Content): string {
  const hex = digest.slice('sha256:'.length)
  return join(dataDirectory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
}

function alone(work: Work, prepare: Scenario['prepare']): Scenario {
  return { title: work.name, prepare, works: [work] }
}

function together(one: Work, two: Work, prepare: Scenario['prepare'] = withImages): Scenario {
  return { title: `${one.name} beside ${two.name}`, prepare, works: [one, two] }
}

export const scenarios: readonly Scenario[] = [
  { title: 'the first push into a new data directory', prepare: async () => undefined, works: [firstPush], fromTheStart: true },
  alone(chunkedPush, withImages),
  alone(monolithicPush, withImages),
  alone(singlePostPush, withImages),
  alone(mount, withImages),
  alone(newTag, withImages),
  alone(movedTag, withImages),
  alone(tagMovedBack, withImages),
  alone(severalTags, withImages),
  alone(tagDelete, withImages),
  alone(manifestDelete, withImages),
  alone(blobDelete, withBlob),
  {
    title: 'a push over a blob that was cut short',
    prepare: withDamagedBlob,
    works: [monolithicPush],
    damaged: [blob.digest.slice('sha256:'.length)],
  },
  together(newTag, manifestDelete),
  together(movedTag, tagMovedBack),
  together(movedTag, tagDelete),
  together(monolithicPush, chunkedPush),
  together(mount, pushElsewhere),
]
