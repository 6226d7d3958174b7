import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { contentsOf, type ExpectedRegistry } from './expected-registry.ts'
import { type Content, contentOf, fixedBytes, type Image, makeImage } from './images.ts'
import { expectStatus, type RegistryClient } from './registry-client.ts'
import type { RegistryWriter } from './registry-writer.ts'
import { blobKey } from './shown.ts'

/** One operation of the protocol. */
export interface Work {
  readonly name: string
  /** What a client does, from its first request to the acknowledgement. */
  readonly send: (client: RegistryClient) => Promise<void>
  /** What is expected of the registry afterwards. */
  readonly change: (expected: ExpectedRegistry) => void
  /** A second try may find that the first one has done it. */
  readonly mayBeGone?: boolean
  /** A name that it changes and then changes back. */
  readonly restoredKey?: string
}

/** Works on a registry that has been prepared. */
export interface Scenario {
  readonly title: string
  readonly prepare: (writer: RegistryWriter, dataDirectory: string) => Promise<void>
  readonly works: readonly Work[]
  /** The making of the data directory is part of it. */
  readonly fromTheStart?: boolean
  /** The works wait for what only the sweep of each second settles. */
  readonly needsSweep?: boolean
  /** Words of the problems that the preparation has made by itself. */
  readonly damaged?: readonly string[]
}

const image = makeImage('image', { layers: 1 })
const other = makeImage('other', { layers: 1 })
const third = makeImage('third', { layers: 1 })
const blob = contentOf('application/octet-stream', fixedBytes(70_000))

const chunkedPush: Work = {
  name: 'a chunked blob push',
  send: async (client) => {
    let location = await client.startUpload('app')
    location = await client.appendUpload(location, blob.bytes.subarray(0, 30_000))
    location = await client.appendUpload(location, blob.bytes.subarray(30_000, 50_000))
    await expectStatus(await client.closeUpload(location, blob.digest, blob.bytes.subarray(50_000)), 201)
  },
  change: (expected) => expected.blobPushed('app', blob),
}

const monolithicPush: Work = {
  name: 'a blob push by POST and PUT',
  send: async (client) => await client.pushBlob('app', blob),
  change: (expected) => expected.blobPushed('app', blob),
}

const singlePostPush: Work = {
  name: 'a blob push by one POST',
  send: async (client) => {
    const headers = { 'content-type': 'application/octet-stream' }
    const path = `/v2/app/blobs/uploads/?digest=${blob.digest}`
    await expectStatus(await client.request('POST', path, { headers, body: blob.bytes.slice() }), 201)
  },
  change: (expected) => expected.blobPushed('app', blob),
}

const newTag = manifestPush('a manifest push under a new tag', third, ['new'])
const movedTag = manifestPush('a manifest push that moves a tag', third, ['latest'])
const tagMovedBack = manifestPush('a tag moved back to a manifest that it had', other, ['latest'])
const severalTags = manifestPush('a manifest push with several tags', third, ['latest', 'one', 'two'])
const secondTag = manifestPush('a push of the same manifest under another tag', third, ['second'])

const tagDelete: Work = {
  name: 'a tag delete',
  send: async (client) => void (await expectStatus(await client.deleteManifest('app', 'latest'), 202)),
  change: (expected) => expected.tagDeleted('app', 'latest'),
  mayBeGone: true,
}

const imageTagDelete: Work = {
  name: 'the delete of a tag on it',
  send: async (client) => void (await expectStatus(await client.deleteManifest('app', 'image'), 202)),
  change: (expected) => expected.tagDeleted('app', 'image'),
  mayBeGone: true,
}

const manifestDelete: Work = {
  name: 'a manifest delete with its tags',
  send: async (client) => void (await expectStatus(await client.deleteManifest('app', image.manifest.digest), 202)),
  change: (expected) => expected.manifestDeleted('app', image.manifest.digest),
  mayBeGone: true,
}

/** Forced: without force it scans the repository first, and a scan that the tests hold would have nothing left to look at. */
const blobDelete: Work = {
  name: 'a blob delete',
  send: async (client) => void (await expectStatus(await client.deleteBlob('app', blob.digest, { force: true }), 202)),
  change: (expected) => expected.blobDeleted('app', blob.digest),
  mayBeGone: true,
}

const mount: Work = {
  name: 'a mount',
  send: async (client) => await mountOrPush(client, image.config),
  change: (expected) => expected.blobPushed('elsewhere', image.config),
}

const mountOfPushed: Work = {
  name: 'a mount of the same blob',
  send: async (client) => await mountOrPush(client, blob),
  change: (expected) => expected.blobPushed('elsewhere', blob),
}

const pushElsewhere = imagePush('a push of an image with the same blobs into another repository', 'elsewhere')
const firstPush = imagePush('the first push of an image', 'team/app')
const sameFirstPush = imagePush('a push of the same image', 'team/app')

const firstBlobs: Work = {
  name: 'a push of the blobs of an image',
  send: async (client) => {
    for (const content of contentsOf(image).blobs) await client.pushBlob('team/app', content)
  },
  change: (expected) => {
    for (const content of contentsOf(image).blobs) expected.blobPushed('team/app', content)
  },
}

const tagDeletedAndMade: Work = {
  name: 'a tag that is deleted and made again',
  send: async (client) => {
    await tagDelete.send(client)
    await tagMovedBack.send(client)
  },
  change: tagMovedBack.change,
}

const blobDeletedAndPushed: Work = {
  name: 'a blob that is deleted and pushed again',
  send: async (client) => {
    await blobDelete.send(client)
    await monolithicPush.send(client)
  },
  change: () => undefined,
  restoredKey: blobKey('app', blob.digest),
}

/** One of each kind, with what it needs. */
export const singleWorks: readonly (readonly [work: Work, prepare: Scenario['prepare']])[] = [
  [chunkedPush, withImages],
  [monolithicPush, withImages],
  [singlePostPush, withImages],
  [mount, withImages],
  [newTag, withImages],
  [movedTag, withImages],
  [tagMovedBack, withImages],
  [severalTags, withImages],
  [tagDelete, withImages],
  [manifestDelete, withImages],
  [blobDelete, withBlob],
]

/** Two operations one after the other, of which the second takes back the first. */
export const doubleWorks: typeof singleWorks = [
  [tagDeletedAndMade, withImages],
  [blobDeletedAndPushed, withBlob],
]

/** Each alone, or two at once through two processes. */
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

/** The first work is done by a process that dies in it, the second by one that goes on. */
export const survivorScenarios: readonly Scenario[] = [
  survived(singlePostPush, monolithicPush),
  survived(chunkedPush, mountOfPushed),
  survived(mount, pushElsewhere),
  survived(newTag, { ...newTag, name: 'the same push' }),
  survived(newTag, secondTag),
  survived(movedTag, { ...movedTag, name: 'the same push' }),
  survived(tagDelete, movedTag),
  { ...survived(imageTagDelete, manifestDelete), needsSweep: true },
  survived(firstPush, sameFirstPush),
  survived(tagDeletedAndMade, movedTag),
  survived(blobDeletedAndPushed, monolithicPush, withBlob),
]

/** The first work is held somewhere in the middle, the second goes by what it sees of it. */
export const neighbourScenarios: readonly Scenario[] = [
  neighbouring(singlePostPush, mountOfPushed),
  neighbouring(chunkedPush, { ...monolithicPush, name: 'a push of the same blob' }),
  neighbouring(firstBlobs, sameFirstPush),
  neighbouring(mount, pushElsewhere),
]

export function blobPath(dataDirectory: string, { digest }: Pick<Content, 'digest'>): string {
  const hex = digest.slice('sha256:'.length)
  return join(dataDirectory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
}

function manifestPush(name: string, { manifest }: Image, tags: readonly string[]): Work {
  const [tag] = tags
  const reference = tags.length === 1 ? tag : `${manifest.digest}?${tags.map((each) => `tag=${each}`).join('&')}`
  return {
    name,
    send: async (client) => {
      await expectStatus(await client.putManifest('app', reference ?? manifest.digest, manifest), 201)
    },
    change: (expected) => expected.manifestPushed('app', manifest, tags),
  }
}

/** As clients do it: what is there already is not pushed. */
function imagePush(name: string, repository: string): Work {
  const { blobs } = contentsOf(image)
  return {
    name,
    send: async (client) => {
      for (const content of blobs) {
        const { status } = await client.headBlob(repository, content.digest)
        if (status === 404) await client.pushBlob(repository, content)
      }
      await expectStatus(await client.putManifest(repository, 'latest', image.manifest), 201)
    },
    change: (expected) => {
      for (const content of blobs) expected.blobPushed(repository, content)
      expected.manifestPushed(repository, image.manifest, ['latest'])
    },
  }
}

async function mountOrPush(client: RegistryClient, content: Content): Promise<void> {
  const status = await client.mountBlob('elsewhere', content.digest, 'app')
  if (status === 202) await client.pushBlob('elsewhere', content)
  else if (status !== 201) throw new Error(`the mount answered ${status}`)
}

async function withImages(writer: RegistryWriter): Promise<void> {
  await writer.push('app', other, 'other', 'latest')
  await writer.push('app', image, 'latest', 'image')
  for (const content of contentsOf(third).blobs) await writer.pushBlob('app', content)
}

async function withBlob(writer: RegistryWriter): Promise<void> {
  await writer.push('app', image, 'latest')
  await writer.pushBlob('app', blob)
}

async function withDamagedBlob(writer: RegistryWriter, dataDirectory: string): Promise<void> {
  await withBlob(writer)
  truncateSync(blobPath(dataDirectory, blob), 1000)
}

function alone(work: Work, prepare: Scenario['prepare']): Scenario {
  return { title: work.name, prepare, works: [work] }
}

function together(one: Work, two: Work): Scenario {
  return { title: `${one.name} beside ${two.name}`, prepare: withImages, works: [one, two] }
}

function survived(doomed: Work, survivor: Work, prepare: Scenario['prepare'] = withImages): Scenario {
  return { title: `${survivor.name} after ${doomed.name}`, prepare, works: [doomed, survivor] }
}

function neighbouring(held: Work, neighbour: Work): Scenario {
  return { title: `${neighbour.name} beside ${held.name}`, prepare: withImages, works: [held, neighbour] }
}
