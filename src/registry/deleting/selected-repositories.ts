import { SLICE } from '../../metadata/deleting/sets.ts'
import { listRepositoryNames } from '../../metadata/listing.ts'
import type { Query } from '../../metadata/query.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { nameUnknown } from '../../oci/unknown.ts'
import type { Questions } from './questions.ts'
import type { Selection } from './selection.ts'

/** Compares the storage with its rows, where this epoch has not done so. */
export interface Seen {
  /** Resolves when every repository is known by name. */
  names(): Promise<void>
  /** The row of a repository, all of which is known now; undefined where there is none. */
  repository(name: RepositoryName): Promise<number | undefined>
}

export interface FoundRepository {
  readonly id: number
  readonly name: RepositoryName
}

/** The repositories that a deletion is about. */
export class SelectedRepositories {
  readonly #questions: Questions
  readonly #seen: Seen

  constructor(questions: Questions, seen: Seen) {
    this.#questions = questions
    this.#seen = seen
  }

  /** One after another, by name. Throws NAME_UNKNOWN where one is meant that is not there. */
  async *of(selection: Selection): AsyncGenerator<FoundRepository> {
    const which = selection.kind === 'repositories' || selection.kind === 'tags' ? selection.repositories : selection.repository
    if (typeof which === 'string') {
      const name = which
      const id = await this.#seen.repository(name)
      if (id === undefined) throw nameUnknown(name)
      yield { id, name }
      return
    }
    await this.#seen.names()
    const list = (query: Query, after: string) => listRepositoryNames(query, after, SLICE)
    for await (const names of this.#questions.slices(list, '', (name: string) => name)) {
      for (const name of names) {
        if (!which.fits(name)) continue
        const id = await this.#seen.repository(name)
        if (id !== undefined) yield { id, name }
      }
    }
  }
}
