/** Background work that one process does for all, as one of the processes sees it. Plain data. */
export interface DutyState {
  readonly name: string
  /** A living process has it. */
  readonly hasHolder: boolean
  readonly isHeldHere: boolean
  /** The last run in this process failed. */
  readonly hasFailed: boolean
  /** When the last run in this process ended. */
  readonly finishedAtMs: number | undefined
}

/** What operators are told of each duty: `failing` is for its holder to say, `free` means that no living process has it. */
export type DutyWord = 'held' | 'failing' | 'free'

export type DutyWords = Readonly<Record<string, DutyWord>>

export function dutyWords(states: readonly DutyState[]): DutyWords {
  return Object.fromEntries(states.map((state) => [state.name, dutyWord(state)]))
}

/** What all processes together say: one that has a duty knows more of it than the others. */
export function mergeDutyWords(all: readonly DutyWords[]): DutyWords {
  const merged: Record<string, DutyWord> = {}
  for (const words of all) {
    for (const [name, word] of Object.entries(words)) {
      if (RANK[word] >= RANK[merged[name] ?? 'free']) merged[name] = word
    }
  }
  return merged
}

const RANK: Readonly<Record<DutyWord, number>> = { free: 0, held: 1, failing: 2 }

function dutyWord({ hasHolder, hasFailed }: DutyState): DutyWord {
  if (hasFailed) return 'failing'
  return hasHolder ? 'held' : 'free'
}
