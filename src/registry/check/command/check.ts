import { listClaimOwnersIn } from '../../../metadata/claims.ts'
import { listRepositoriesHolding, sumOfBlobs } from '../../../metadata/collecting/damage.ts'
import { findBlob, findRepository, listRepositoriesLinking } from '../../../metadata/content.ts'
import { listRepositoryNames } from '../../../metadata/listing.ts'
import type { Metadata } from '../../../metadata/query.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { ListedFile, StorageDriver } from '../../../storage/driver.ts'
import { layout } from '../../../storage/layout.ts'
import { entryAt } from '../../../storage/layout-entry.ts'
import { survey } from '../../collect/survey.ts'
import type { Obstacles } from '../../scan/obstacles.ts'
import type { RepositoryScan } from '../../scan/repository-scan.ts'
import type { UnreadableNames } from '../../scan/unreadable-names.ts'
import type { Operations } from '../../writes/operations.ts'
import type { BlobBytes, Verdict } from '../blob-bytes.ts'
import { walkBlobs } from '../blob-walk.ts'
import { type Finding, isOpenDamage, type ReportedFinding } from './finding.ts'
import type { Mended, Mending } from './mending.ts'
import type { RepositoryCheck } from './repository-check.ts'

const REPOSITORIES_AT_ONCE = 100
const REPOSITORIES_NAMED = 5
/** Of a bucket: one blob waits for the network while another one is hashed. */
const BLOBS_AT_ONCE = 4
/** How long the writers of a repository are waited for, before it is looked at again. */
const WRITERS_PATIENCE_MS = 10_000
const PAUSE_MS = 50

export interface CheckOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly scan: Pick<RepositoryScan, 'scanNames'>
  readonly obstacles: Pick<Obstacles, 'list'>
  readonly unreadable: Pick<UnreadableNames, 'list'>
  readonly operations: Pick<Operations, 'settleIn'>
  readonly bytes: BlobBytes
  readonly repositories: RepositoryCheck
  readonly mending: Mending
}

export interface CheckRun {
  /** Mends what can be mended without loss, and moves wrong bytes aside. */
  readonly repairs: boolean
  /** Whether a repository has what was pulled from another registry, and need not have all that it names. */
  readonly isMirrored: (repository: RepositoryName) => boolean
  readonly signal: AbortSignal
  readonly onFinding: (finding: ReportedFinding) => void
  readonly onProgress: (progress: CheckProgress) => void
}

export interface CheckProgress {
  readonly phase: 'bytes' | 'repositories'
  readonly blobs: number
  readonly bytes: number
  /** As far as the database knows. */
  readonly ofBlobs: number
  readonly ofBytes: number
  readonly repositories: number
}

export interface CheckResult extends CheckProgress {
  readonly findings: number
  /** Damage that is there still: what was moved aside must be pushed again. */
  readonly open: number
  /** What nothing needs: no damage, and for the collector to take. */
  readonly unneeded: { readonly links: number; readonly blobs: number }
}

/** Looks at a whole storage: first whether the bytes are what their digests say, then what names them. A registry may serve meanwhile. */
export class Check {
  readonly #options: CheckOptions

  constructor(options: CheckOptions) {
    this.#options = options
  }

  /** Throws the reason of the signal, and what the storage as a whole throws. */
  async run(run: CheckRun): Promise<CheckResult> {
    const { metadata, scan } = this.#options
    await scan.scanNames()
    const { blobs: ofBlobs, bytes: ofBytes } = await sumOfBlobs(metadata.read)
    const running = new Running(run, { ofBlobs, ofBytes }, this.#options.mending)
    await this.#checkBytes(running)
    await this.#checkRepositories(running)
    for (const name of await this.#options.unreadable.list())
      if ((await findRepository(metadata.read, name)) === undefined)
        await running.report({ kind: 'unreadable', repositories: [name], path: layout.repository(name) })
    for (const { path, repository } of await this.#options.obstacles.list())
      await running.report({ kind: 'unknown-content', repositories: repository === null ? [] : [repository], path })
    const { links, blobs } = await survey(metadata.read, 0, run.signal)
    return running.result({ links: links.unneeded, blobs: blobs.unneeded })
  }

  async #checkBytes(running: Running): Promise<void> {
    const { storage } = this.#options
    const atOnce = Math.min(storage.capabilities.questionsAtOnce, BLOBS_AT_ONCE)
    const onUnreadable = (path: string) => running.report({ kind: 'unreadable', repositories: [], path })
    for await (const files of walkBlobs(storage, { onUnreadable })) {
      for (let start = 0; start < files.length; start += atOnce) {
        running.signal.throwIfAborted()
        await Promise.all(files.slice(start, start + atOnce).map((file) => this.#checkBlob(file, running)))
      }
    }
  }

  async #checkBlob(file: ListedFile, running: Running): Promise<void> {
    const entry = entryAt(file.path)
    if (entry?.kind !== 'blob') return
    const verdict = await this.#options.bytes.verify(entry.digest, running.signal)
    running.count(file.size)
    if (verdict.kind === 'damaged' || verdict.kind === 'unreadable') await this.#reportBytes(entry.digest, verdict, running)
  }

  async #reportBytes(digest: Digest, verdict: Extract<Verdict, { kind: 'damaged' | 'unreadable' }>, running: Running) {
    const { read } = this.#options.metadata
    const linking = await listRepositoriesLinking(read, digest, REPOSITORIES_NAMED)
    const holding = await listRepositoriesHolding(read, digest, REPOSITORIES_NAMED)
    const repositories = [...new Set([...linking, ...holding])].slice(0, REPOSITORIES_NAMED)
    const about = { repositories, concerns: holding.length > 0 ? 'manifest' : 'blob', digest } as const
    running.bad.add(digest)
    if (verdict.kind === 'unreadable') return await running.report({ kind: 'unreadable', ...about, path: layout.blob(digest) })
    const knownSize = (await findBlob(read, digest))?.size ?? undefined
    const { seen } = verdict
    const sizes = { size: seen.size, ...(knownSize === undefined ? {} : { knownSize }) }
    await running.report({ kind: 'wrong-bytes', ...about, ...sizes }, { seen })
  }

  async #checkRepositories(running: Running): Promise<void> {
    let last = ''
    for (;;) {
      const names = await listRepositoryNames(this.#options.metadata.read, last, REPOSITORIES_AT_ONCE)
      for (const name of names) {
        running.signal.throwIfAborted()
        for (const finding of await this.#examine(name, running)) await running.report(finding)
        running.countRepository()
      }
      last = names.at(-1) ?? last
      if (names.length < REPOSITORIES_AT_ONCE) return
    }
  }

  /** What a look finds may be the middle of a push or of a delete: only what a second look finds, when these have ended, is so. */
  async #examine(name: RepositoryName, { bad, isMirrored, signal }: Running): Promise<readonly Finding[]> {
    const { repositories } = this.#options
    const run = { bad, isMirror: isMirrored(name), signal }
    const first = await repositories.examine(name, run)
    if (first.length === 0) return []
    await this.#waitForWriters(name, signal)
    const again = new Set((await repositories.examine(name, run)).map(keyOf))
    return first.filter((finding) => again.has(keyOf(finding)))
  }

  async #waitForWriters(name: RepositoryName, signal: AbortSignal): Promise<void> {
    const { operations, metadata } = this.#options
    const deadline = performance.now() + WRITERS_PATIENCE_MS
    await operations.settleIn(name)
    while ((await listClaimOwnersIn(metadata.read, name)).length > 0 && performance.now() < deadline) {
      signal.throwIfAborted()
      await Bun.sleep(PAUSE_MS)
    }
  }
}

function keyOf(finding: Finding): string {
  return JSON.stringify(finding)
}

/** What one run has come to. */
class Running {
  readonly #run: CheckRun
  readonly #mending: Mending
  /** Blobs that have a finding. */
  readonly bad = new Set<Digest>()
  #progress: CheckProgress
  #findings = 0
  #open = 0

  constructor(run: CheckRun, all: { readonly ofBlobs: number; readonly ofBytes: number }, mending: Mending) {
    this.#run = run
    this.#mending = mending
    this.#progress = { phase: 'bytes', blobs: 0, bytes: 0, ...all, repositories: 0 }
  }

  get signal(): AbortSignal {
    return this.#run.signal
  }

  get isMirrored(): CheckRun['isMirrored'] {
    return this.#run.isMirrored
  }

  count(bytes: number): void {
    this.#advance({ blobs: this.#progress.blobs + 1, bytes: this.#progress.bytes + bytes })
  }

  countRepository(): void {
    this.#advance({ phase: 'repositories', repositories: this.#progress.repositories + 1 })
  }

  /** Mends it, where that is asked for. */
  async report(finding: Finding, { seen }: { readonly seen?: Parameters<Mending['mend']>[1] } = {}): Promise<void> {
    const mended: Mended = this.#run.repairs ? await this.#mending.mend(finding, seen, this.bad) : { outcome: 'found' }
    const reported = { ...finding, ...mended }
    if (mended.outcome === 'mended' && finding.digest !== undefined) this.bad.delete(finding.digest)
    this.#findings += 1
    if (isOpenDamage(reported)) this.#open += 1
    this.#run.onFinding(reported)
  }

  result(unneeded: CheckResult['unneeded']): CheckResult {
    return { ...this.#progress, findings: this.#findings, open: this.#open, unneeded }
  }

  #advance(change: Partial<CheckProgress>): void {
    this.#progress = { ...this.#progress, ...change }
    this.#run.onProgress(this.#progress)
  }
}
