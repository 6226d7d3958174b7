import { expect } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { findRepository, type RepositoryRow } from '../../src/metadata/content.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { collect, forgetGone } from './collecting.ts'
import { Gate, holdFirst } from './gate.ts'
import { HeldPair } from './held-pair.ts'
import { blobsOf, type Content, jsonContent, makeImage } from './images.ts'
import { expectStatus, type RegistryClient } from './registry-client.ts'

export const NAME = 'team/app'
export const IMAGE = makeImage('left', { layers: 1 })
const [LAYER = IMAGE.config] = IMAGE.layers
/** In the repository `stays`. */
export const OTHER = makeImage('stays', { layers: 1 })
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'
/** It names nothing. */
export const EMPTY_INDEX = jsonContent(INDEX_TYPE, { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [] })

/** registry:2 and its collector need all three in a repository that is there. */
export const DIRECTORIES = ['_layers', '_manifests/revisions', '_manifests/tags']
/** Each change of the storage that a removal makes, in its order. */
export const REMOVAL = [
  ...['_uploads', '_layers/sha256', '_manifests/revisions/sha256', '_layers', '_manifests/tags', '_manifests/revisions'],
  '_manifests',
]
  .map((below) => `${NAME}/${below}`)
  .concat(NAME, 'team')

/** A look at what came into the repository. */
export interface Looks {
  readonly client: RegistryClient
  missingDirectories(): readonly string[]
  expectBlob(blob?: Content): Promise<void>
  expectWhole(): Promise<void>
}

/** What a client may bring into the repository. Gives the look whether it is there. */
export type Write = (client: RegistryClient, lab: Looks) => Promise<() => Promise<void>>

export const WRITES: Readonly<Record<string, Write>> = {
  'an image that is pushed': async (client, lab) => {
    await pushImage(client, NAME)
    return async () => await lab.expectWhole()
  },
  'a blob that is pushed': async (client, lab) => {
    await client.pushBlob(NAME, LAYER)
    return async () => await lab.expectBlob()
  },
  'a blob that is mounted': async (client, lab) => {
    expect(await client.mountBlob(NAME, OTHER.config.digest, 'stays')).toBe(201)
    return async () => await lab.expectBlob(OTHER.config)
  },
  'a manifest of which nothing else is in the repository': async (client, lab) => {
    await expectStatus(await client.putManifest(NAME, 'v1', EMPTY_INDEX), 201)
    return async () => {
      await expectStatus(await lab.client.getManifest(NAME, 'v1'), 200)
      expect(await (await lab.client.request('GET', `/v2/${NAME}/tags/list`)).json()).toMatchObject({ tags: ['v1'] })
      expect(lab.missingDirectories()).toEqual([])
    }
  },
}

export async function pushImage(client: RegistryClient, repository: string, pushed = IMAGE): Promise<void> {
  for (const blob of blobsOf(pushed)) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, 'v1', pushed.manifest), 201)
}

export async function catalogOf(client: RegistryClient): Promise<unknown> {
  return await (await client.request('GET', '/v2/_catalog')).json()
}

/** A repository that stays, and one that is empty, whose directories are known to both processes, if there are two. */
export class EmptiedRepository implements Looks, AsyncDisposable {
  readonly pair: HeldPair

  private constructor(pair: HeldPair) {
    this.pair = pair
  }

  static async start(processes: 1 | 2): Promise<EmptiedRepository> {
    const lab = new EmptiedRepository(await HeldPair.start(processes))
    await pushImage(lab.client, 'stays', OTHER)
    if (processes === 2) await pushImage(lab.pair.collecting.client, NAME)
    await lab.haveItEmpty()
    return lab
  }

  get client(): RegistryClient {
    return this.pair.serving.client
  }

  async collect(): Promise<void> {
    await collect(this.pair.collecting)
  }

  async haveItEmpty(): Promise<void> {
    await pushImage(this.client, NAME)
    await this.emptyIt()
  }

  async emptyIt(): Promise<void> {
    await emptyIt(this.pair)
  }

  /** Begins a turn of the collector and holds it before a step of the removal. */
  async heldAt(step: string): Promise<() => Promise<void>> {
    const gate = new Gate()
    this.pair.hook = holdFirst(gate, 'before', (call) => call === `rmdir docker/registry/v2/repositories/${step}`)
    const collected = this.collect()
    await gate.reached()
    return async () => {
      gate.open()
      await collected
    }
  }

  path(below: string): string {
    return this.pair.folder.join('data/docker/registry/v2/repositories', below)
  }

  isThere(below: string): boolean {
    return existsSync(this.path(below))
  }

  missingDirectories(): readonly string[] {
    return DIRECTORIES.filter((below) => !this.isThere(`${NAME}/${below}`))
  }

  async row(): Promise<RepositoryRow | undefined> {
    return await findRepository(this.pair.serving.opened.metadata.read, parseRepositoryName(NAME))
  }

  async expectGone(): Promise<void> {
    expect(this.isThere('team')).toBe(false)
    expect(await this.row()).toBeUndefined()
  }

  async expectBlob(blob = LAYER): Promise<void> {
    expect(await (await expectStatus(await this.client.getBlob(NAME, blob.digest), 200)).bytes()).toEqual(blob.bytes)
    expect(this.missingDirectories()).toEqual([])
  }

  async expectWhole(): Promise<void> {
    await expectWhole(this.client)
    expect(this.missingDirectories()).toEqual([])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pair[Symbol.asyncDispose]()
  }
}

/** Takes out again what came in, by whatever way. The serving process remembers the directories of manifests then, and none of links. */
export async function emptyIt({ collecting, serving }: HeldPair): Promise<void> {
  for (const { digest } of [IMAGE.manifest, EMPTY_INDEX]) await collecting.client.deleteManifest(NAME, digest)
  for (const { digest } of [...blobsOf(IMAGE), OTHER.config]) await serving.client.deleteBlob(NAME, digest)
  await forgetGone(collecting)
}

export async function expectWhole(client: RegistryClient): Promise<void> {
  expect(await (await expectStatus(await client.getManifest(NAME, 'v1'), 200)).bytes()).toEqual(IMAGE.manifest.bytes)
  for (const { digest } of blobsOf(IMAGE)) await expectStatus(await client.getBlob(NAME, digest), 200)
}

/** What is there is whole, as registry:2 needs it, and what holds nothing has gone. `root`: of the repositories. */
export function expectNoneIsEmpty(root: string, names: readonly string[]): void {
  for (const name of names) {
    const there = DIRECTORIES.filter((below) => existsSync(join(root, name, below)))
    const holds = ['_layers/sha256', '_manifests/revisions/sha256'].some((below) => isFull(join(root, name, below)))
    expect(there).toEqual(holds ? DIRECTORIES : [])
  }
}

function isFull(directory: string): boolean {
  return existsSync(directory) && readdirSync(directory).length > 0
}
