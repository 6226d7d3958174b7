import { BuildingClient, NOTHING_DONE } from './building-client.ts'
import { partsOfBuild } from './built-image.ts'
import { IMPATIENT_POLICY } from './collecting.ts'
import type { Fleet } from './fleet.ts'
import { contentOf } from './images.ts'
import { poll } from './processes.ts'
import { SeededRandom } from './seeded-random.ts'
import { GONE } from './shown.ts'
import { bytesPath, linkPath, type StoredFiles, unneededIn } from './stored-files.ts'

/** What happened to a process a moment ago may still be on its way to a client. */
const AFTERMATH_MS = 1_000
const GONE_MS = 180_000
/** After its time, until it has been enough. */
const MORE_MS = 60_000
const COUNTED = Object.keys(NOTHING_DONE) as (keyof BuildingClient['counts'])[]

export interface StormOptions {
  readonly fleet: Fleet
  readonly clients: number
  readonly seed: number
  readonly stored: () => Promise<StoredFiles>
  /** What a process may report as an error, for what the test does to it. */
  readonly expectedFault?: RegExp
}

/** Build servers at work on processes that collect within seconds, and that do not live long. */
export class CollectingStorm {
  readonly clients: readonly BuildingClient[]
  readonly random: SeededRandom
  readonly #options: StormOptions
  #isDisaster = false
  #lastDisasterMs = Number.NEGATIVE_INFINITY

  constructor(options: StormOptions) {
    this.#options = options
    this.random = new SeededRandom(options.seed)
    const bases = ['a', 'b', 'c', 'd'].map((name) => contentOf('application/octet-stream', bytesOf(name, options.seed)))
    const names = Array.from({ length: options.clients }, (_, number) => `builds/${number}`)
    this.clients = names.map(
      (repository, number) =>
        new BuildingClient({
          ...{ repository, bases, random: new SeededRandom(options.seed + number + 1) },
          others: names.filter((name) => name !== repository),
          ...{ windowMs: IMPATIENT_POLICY.windowMs, graceMs: IMPATIENT_POLICY.graceMs },
          anyUrl: () => this.#anyUrl(),
          mayBeLost: (beganMs) => this.#isDisaster || this.#lastDisasterMs > beganMs - AFTERMATH_MS,
        }),
    )
  }

  get problems(): readonly string[] {
    const { fleet, expectedFault } = this.#options
    const faults = fleet.faults.filter((fault) => expectedFault?.test(fault) !== true)
    return [...this.clients.flatMap(({ problems }) => problems), ...faults]
  }

  /** What all clients did. */
  get counts(): BuildingClient['counts'] {
    const sum = { ...NOTHING_DONE }
    for (const { counts } of this.clients) for (const name of COUNTED) sum[name] += counts[name]
    return sum
  }

  /**
   * The clients work for so long, and on a slow machine until it is enough, while something strikes the processes again and again, as a `disaster`.
   * How often it did.
   */
  async rage(ms: number, everyMs: number, strike: () => Promise<void>, isEnough: () => boolean = () => true): Promise<number> {
    const endMs = performance.now() + ms
    const latestMs = endMs + MORE_MS
    const isOver = () => {
      const nowMs = performance.now()
      return (nowMs > endMs && (isEnough() || nowMs > latestMs)) || this.problems.length > 0
    }
    const working = Promise.all(this.clients.map((client) => client.run(isOver)))
    let strikes = 0
    while (!isOver()) {
      await Bun.sleep(Math.min(everyMs / 2 + this.random.below(everyMs), Math.max(100, endMs - performance.now())))
      if (isOver()) break
      await strike()
      strikes += 1
    }
    await working
    return strikes
  }

  /** What clients lose by it is excused. */
  async disaster(happens: () => Promise<void>): Promise<void> {
    this.#isDisaster = true
    await happens()
    this.#isDisaster = false
    this.#lastDisasterMs = performance.now()
  }

  /** The registry has lost its database. Called before the disaster has ended. */
  databaseLost(): void {
    for (const { account } of this.clients) account.releasesForgotten()
  }

  /** Pulls all that clients were told of, through the registry, and looks for it in the storage itself. */
  async problemsWithEverything(): Promise<readonly string[]> {
    for (const client of this.clients) await client.pullAll()
    return [...this.problems, ...(await this.#missingInStorage())]
  }

  /** Resolves when the storage has what clients were told of: requests that came twice may have changed it, and are made good after a while. */
  async bucketMadeRight(): Promise<void> {
    let missing: readonly string[] = []
    const isRight = poll('the storage has all', GONE_MS, async () => {
      missing = await this.#missingInStorage()
      return missing.length === 0 ? true : undefined
    })
    await isRight.catch((cause: unknown) => {
      throw new Error(`${missing.length} are missing: ${missing.slice(0, 10).join(', ')}`, { cause })
    })
  }

  /** Resolves when all has gone that nothing needs. Throws with what is left. */
  async unneededGone(): Promise<void> {
    let left: readonly string[] = []
    const gone = poll('what nothing needs goes', GONE_MS, async () => {
      await Bun.sleep(200)
      const stored = await this.#options.stored()
      left = [...(await unneededIn(stored)), ...this.#releasedIn(stored)]
      return left.length === 0 ? true : undefined
    })
    await gone.catch((cause: unknown) => {
      throw new Error(`${left.length} files are left: ${left.slice(0, 10).join(', ')}`, { cause })
    })
  }

  async #missingInStorage(): Promise<readonly string[]> {
    const { paths, read } = await this.#options.stored()
    const problems: string[] = []
    for (const { repository, account } of this.clients) {
      for (const build of account.all('there')) {
        const needed = partsOfBuild(build).flatMap(([kind, { digest }]) => [
          linkPath(repository, kind, digest),
          bytesPath(hexOf(digest)),
        ])
        problems.push(...needed.filter((path) => !paths.has(path)).map((path) => `in the storage ${path} is missing`))
      }
      for (const [tag, holds] of account.tags) {
        const path = `repositories/${repository}/_manifests/tags/${tag}/current/link`
        const found = paths.has(path) ? new TextDecoder().decode(await read(path)) : GONE
        if (!holds.has(found)) problems.push(`in the storage ${path} is ${found}, and may be ${[...holds]}`)
      }
    }
    return problems
  }

  #releasedIn({ paths }: StoredFiles): readonly string[] {
    return this.clients.flatMap(({ repository, account }) =>
      account
        .all('released')
        .map(({ manifest }) => linkPath(repository, 'manifest', manifest.digest))
        .filter((path) => paths.has(path)),
    )
  }

  #anyUrl(): string | undefined {
    const { clients } = this.#options.fleet
    return clients.length === 0 ? undefined : this.random.pick(clients).url
  }
}

function bytesOf(name: string, seed: number): Uint8Array {
  return new TextEncoder().encode(`base ${name} of ${seed} `.repeat(500))
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length)
}
