import { cpSync, existsSync } from 'node:fs'
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { triesAll } from './effort.ts'
import { expectExactly, type QuestionKind } from './expect-exactly.ts'
import { ExpectedRegistry } from './expected-registry.ts'
import { collectWithPeer, startPeer } from './peer.ts'
import { type RegistryProcess, type ServeOptions, whileRunning } from './registry-process.ts'
import { registryUnderTest, startRegistry } from './registry-under-test.ts'
import { RegistryWriter } from './registry-writer.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Below the data directory. What SQLite keeps beside it begins with the same name. */
const METADATA_FILE = 'berth/metadata.db'

/** The scan of so many is still busy when the first questions are asked. */
const COPIES = triesAll ? 150 : 50

/** One data directory on which Berth and registry:2 take turns, and what any of them must show from it. */
export class SharedStore implements Disposable {
  readonly folder = new TemporaryFolder()
  readonly dataDirectory = this.folder.join('data')
  readonly #umask: string | undefined
  readonly expected = new ExpectedRegistry()

  constructor(options: { readonly umask?: string } = {}) {
    this.#umask = options.umask
  }

  /** Where registry:2 keeps a thing: `repositories/<name>/…` or `blobs/…`. */
  path(...names: readonly string[]): string {
    return join(this.dataDirectory, 'docker/registry/v2', ...names)
  }

  /** Writes through one Berth process, which ends before this returns. */
  async throughBerth(work: (writer: RegistryWriter) => Promise<void>): Promise<void> {
    const berth = await startRegistry(this.#serving)
    await whileRunning([berth], async () => await work(this.#writerTo(berth)))
  }

  /** Writes through two Berth processes that start at once. */
  async throughTwoBerths(work: (one: RegistryWriter, other: RegistryWriter) => Promise<void>): Promise<void> {
    const started = await Promise.allSettled([startRegistry(this.#serving), startRegistry(this.#serving)])
    const running = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    await whileRunning(running, async () => {
      for (const result of started) if (result.status === 'rejected') throw result.reason
      const [one, other] = running.map((berth) => this.#writerTo(berth))
      if (one !== undefined && other !== undefined) await work(one, other)
    })
  }

  /** Writes through one Berth process, which is killed (`kill -9`) as soon as the work is done. */
  async throughKilledBerth(work: (writer: RegistryWriter) => Promise<void>): Promise<void> {
    const berth = await startRegistry(this.#serving)
    try {
      await work(this.#writerTo(berth))
    } finally {
      await berth.kill()
    }
  }

  /** Writes through registry:2, which ends before this returns. */
  async throughPeer(work: (writer: RegistryWriter) => Promise<void>): Promise<void> {
    const peer = await startPeer(this.#serving)
    await whileRunning([peer], async () => await work(this.#writerTo(peer)))
  }

  /** Everything through two Berth processes that start on the directory as it is; each may be asked something else first. */
  async expectThroughBerth(firstOfOne?: QuestionKind, firstOfOther: QuestionKind | undefined = firstOfOne): Promise<void> {
    await this.throughTwoBerths(async (one, other) => {
      await Promise.all([
        expectExactly(one.client.url, this.expected, { first: firstOfOne }),
        expectExactly(other.client.url, this.expected, { first: firstOfOther }),
      ])
    })
  }

  async expectThroughPeer(): Promise<void> {
    await this.throughPeer(async ({ client }) => await expectExactly(client.url, this.expected, { dialect: 'registry:2' }))
  }

  /** registry:2's collector reads the directory, and would take nothing that a client can pull. It takes nothing here. */
  async expectCollectable(): Promise<void> {
    const marked = await collectWithPeer(this.dataDirectory, { dryRun: true, deleteUntagged: false })
    const untagged = await collectWithPeer(this.dataDirectory, { dryRun: true, deleteUntagged: true })
    for (const { exitCode, output } of [marked, untagged]) {
      if (exitCode !== 0) throw new Error(`garbage-collect ended with ${exitCode}: ${output}`)
    }
    const reachable = this.expected.reachable()
    const lost = [...marked.eligibleBlobs, ...marked.eligibleManifests].filter((digest) => reachable.has(digest))
    if (lost.length > 0) throw new Error(`garbage-collect would take ${lost}: ${marked.output}`)
  }

  /** registry:2's collector takes what it finds. */
  async collect(options: { readonly deleteUntagged: boolean }): Promise<void> {
    const { exitCode, output } = await collectWithPeer(this.dataDirectory, { dryRun: false, ...options })
    if (exitCode !== 0) throw new Error(`garbage-collect ended with ${exitCode}: ${output}`)
    this.expected.collected(options)
  }

  /** Copies a repository by hand, so often that a scan is busy with the copies first: they come first in every order. */
  addCopies(repository: string): void {
    for (let number = 0; number < COPIES; number++) {
      const name = `0/${number.toString().padStart(3, '0')}`
      cpSync(this.path('repositories', repository), this.path('repositories', name), { recursive: true })
      this.expected.others.add(name)
    }
  }

  async removeRepository(repository: string): Promise<void> {
    await rm(this.path('repositories', repository), { recursive: true })
    this.expected.repositoryRemoved(repository)
  }

  /** Keeps the registry's part of the storage as it is now; the function puts it back. */
  async keepStorage(): Promise<() => Promise<void>> {
    const kept = this.folder.join(`kept-${crypto.randomUUID()}`)
    const expected = this.expected.copy()
    await cp(join(this.dataDirectory, 'docker'), kept, { recursive: true, preserveTimestamps: true })
    return async () => {
      await rm(join(this.dataDirectory, 'docker'), { recursive: true })
      await rename(kept, join(this.dataDirectory, 'docker'))
      this.expected.putBackTo(expected)
    }
  }

  /** The metadata database and what SQLite keeps beside it. */
  async metadataFiles(): Promise<readonly string[]> {
    const file = join(this.dataDirectory, METADATA_FILE)
    if (!existsSync(dirname(file))) return []
    const names = await readdir(dirname(file))
    return names.filter((name) => name.startsWith(basename(file))).map((name) => join(dirname(file), name))
  }

  async deleteMetadata(): Promise<void> {
    for (const path of await this.metadataFiles()) await rm(path)
  }

  /** Keeps the metadata as it is now; the function puts it back into the same files, as a stale database is. */
  async keepMetadata(): Promise<() => Promise<void>> {
    const kept = await Promise.all((await this.metadataFiles()).map(async (path) => ({ path, bytes: await readFile(path) })))
    if (kept.length === 0 && registryUnderTest === 'Berth') throw new Error(`there is no metadata in ${this.dataDirectory}`)
    return async () => {
      const paths = new Set(kept.map(({ path }) => path))
      for (const path of await this.metadataFiles()) if (!paths.has(path)) await rm(path)
      for (const { path, bytes } of kept) await writeFile(path, bytes)
    }
  }

  /** The database of another store, which nobody serves, put where the own one is. */
  async copyMetadataFrom(other: SharedStore, how: 'into the same file' | 'as a new file'): Promise<void> {
    const [own, foreign] = [join(this.dataDirectory, METADATA_FILE), join(other.dataDirectory, METADATA_FILE)]
    for (const path of await this.metadataFiles()) if (path !== own || how === 'as a new file') await rm(path)
    await writeFile(own, await readFile(foreign))
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]()
  }

  get #serving(): ServeOptions {
    return { folder: this.folder, dataDirectory: this.dataDirectory, umask: this.#umask }
  }

  #writerTo(registry: RegistryProcess): RegistryWriter {
    return new RegistryWriter(registry.url, this.expected)
  }
}
