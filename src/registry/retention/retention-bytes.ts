import type { Digest } from '../../oci/digest.ts'
import { slicesOf } from '../../retention/turns.ts'
import { type GoingSet, OnlyHeld } from '../deleting/only-held.ts'
import type { Questions } from '../deleting/questions.ts'
import { Rest } from '../rest.ts'
import type { RepositoryDecisions } from './retention-look.ts'

/** So many manifests are gathered at least: those of many small repositories are asked about together. */
const GATHERED = 500

/** What decisions set free, in bytes. */
export interface RetainedBytes {
  /** Of manifests without a tag that go. */
  readonly going: number
  /** Of images that lose their last tag, and then stay without one until `retention.untagged` is over. */
  readonly untagged: number
}

/** Sums up what decisions set free. An estimate: what is pushed until they go may need it. Each method throws the reason of the signal of the questions. */
export class RetentionBytes {
  readonly #onlyHeld: OnlyHeld
  readonly #rest = new Rest()
  #gathered: Gathered[] = []
  #count = 0
  #going = 0
  #untagged = 0

  constructor(questions: Questions) {
    this.#onlyHeld = new OnlyHeld(questions)
  }

  async add({ id: repositoryId, tags, untagged }: Pick<RepositoryDecisions, 'id' | 'tags' | 'untagged'>): Promise<void> {
    const [staying, losing, gone] = [new Set<Digest>(), new Set<Digest>(), new Set<Digest>()]
    const each = (decided: RepositoryDecisions['tags'] | RepositoryDecisions['untagged']) =>
      slicesOf<(typeof decided)[number]>(decided, () => this.#rest.after(0))
    for await (const slice of each(tags)) for (const { goes, about } of slice) if (!goes) staying.add(about.digest)
    for await (const slice of each(tags))
      for (const { goes, about } of slice) if (goes && !staying.has(about.digest)) losing.add(about.digest)
    for await (const slice of each(untagged)) for (const { goes, about } of slice) if (goes) gone.add(about.digest)
    this.#gathered.push({ repositoryId, gone, losing })
    this.#count += gone.size + losing.size
    if (this.#count >= GATHERED) await this.#ask()
  }

  async total(): Promise<RetainedBytes> {
    await this.#ask()
    return { going: this.#going, untagged: this.#untagged }
  }

  async #ask(): Promise<void> {
    const gathered = this.#gathered
    ;[this.#gathered, this.#count] = [[], 0]
    const onlyGoing = gathered.filter(({ gone, losing }) => gone.size > 0 && losing.size === 0)
    const onlyLosing = gathered.filter(({ gone, losing }) => gone.size === 0 && losing.size > 0)
    const mixed = gathered.filter(({ gone, losing }) => gone.size > 0 && losing.size > 0)
    const both = mixed.map(({ repositoryId, gone, losing }) => ({ repositoryId, going: gone.union(losing) }))
    const ofMixed = await this.#bytesOf(mixed.map(goneOf))
    this.#going += ofMixed + (await this.#bytesOf(onlyGoing.map(goneOf)))
    this.#untagged += (await this.#bytesOf(both)) - ofMixed + (await this.#bytesOf(onlyLosing.map(losingOf)))
  }

  async #bytesOf(sets: readonly GoingSet[]): Promise<number> {
    return sets.length === 0 ? 0 : await this.#onlyHeld.bytesWithFollowing(sets)
  }
}

interface Gathered {
  readonly repositoryId: number
  readonly gone: Set<Digest>
  readonly losing: Set<Digest>
}

function goneOf({ repositoryId, gone }: Gathered): GoingSet {
  return { repositoryId, going: gone }
}

function losingOf({ repositoryId, losing }: Gathered): GoingSet {
  return { repositoryId, going: losing }
}
