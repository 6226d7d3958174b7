import { rm } from 'node:fs/promises'
import { startBerth } from './berth-process.ts'
import { expectExactly } from './expect-exactly.ts'
import { ExpectedRegistry } from './expected-registry.ts'
import { collectWithPeer, startPeer } from './peer.ts'
import { type RegistryProcess, type ServeOptions, whileRunning } from './registry-process.ts'
import { RegistryWriter } from './registry-writer.ts'
import type { S3Place } from './s3-client.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** One bucket on which Berth and registry:2 take turns, and what any of them must show from it. */
export class SharedBucket implements Disposable {
  readonly expected = new ExpectedRegistry()
  readonly #folder = new TemporaryFolder()
  readonly #place: S3Place

  constructor(place: S3Place) {
    this.#place = place
  }

  async throughBerth(work: (writer: RegistryWriter) => Promise<void>): Promise<void> {
    await this.#through(startBerth, work)
  }

  async throughPeer(work: (writer: RegistryWriter) => Promise<void>): Promise<void> {
    await this.#through(startPeer, work)
  }

  async expectThroughBerth(): Promise<void> {
    await this.throughBerth(async ({ client }) => await expectExactly(client.url, this.expected))
  }

  async expectThroughPeer(): Promise<void> {
    await this.throughPeer(async ({ client }) => await expectExactly(client.url, this.expected, { dialect: 'registry:2' }))
  }

  /** registry:2's collector reads the bucket, and would take nothing that a client can pull. It takes nothing here. */
  async expectCollectable(): Promise<void> {
    for (const deleteUntagged of [false, true]) {
      const { exitCode, output } = await collectWithPeer(this.#place, { dryRun: true, deleteUntagged })
      if (exitCode !== 0) throw new Error(`garbage-collect ended with ${exitCode}: ${output}`)
    }
  }

  /** What Berth keeps on this machine. */
  async deleteMetadata(): Promise<void> {
    await rm(this.#folder.join('state'), { recursive: true, force: true })
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]()
  }

  async #through(
    start: (options: ServeOptions) => Promise<RegistryProcess>,
    work: (writer: RegistryWriter) => Promise<void>,
  ): Promise<void> {
    const registry = await start({ folder: this.#folder, dataDirectory: this.#place })
    await whileRunning([registry], async () => await work(new RegistryWriter(registry.url, this.expected)))
  }
}
