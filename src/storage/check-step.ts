/** One thing that a registry does with its storage, tried. */
export interface CheckStep {
  /** What is tried, as in `list what was written`. */
  readonly name: string
  /** Gives what is worth knowing about it, if anything. Throws CheckFailure, or what the storage throws. */
  run(): Promise<string | undefined>
  /** Without it the steps after it need not be tried. */
  readonly essential?: boolean
}

/** A step came to an end that it should not come to. The message says what that means and what to do. */
export class CheckFailure extends Error {
  override readonly name: string = 'CheckFailure'
}

/** A registry works without it, but not as well. */
export class CheckLimit extends CheckFailure {
  override readonly name = 'CheckLimit'
}

export type StepResult =
  | { readonly step: string; readonly result: 'passed'; readonly durationMs: number; readonly note: string | undefined }
  | { readonly step: string; readonly result: 'limited' | 'failed'; readonly durationMs: number; readonly reason: string }
  | { readonly step: string; readonly result: 'not tried' }

/** Says in a sentence what an error of a storage means and what to do; undefined when it does not know. */
export type Explain = (error: unknown) => string | undefined

/** Tries one step after the other; true in the end when one failed without which nothing more can be tried. Never throws what a step throws. */
export async function* runSteps(steps: readonly CheckStep[], explain: Explain): AsyncGenerator<StepResult, boolean> {
  let isOver = false
  for (const step of steps) {
    if (isOver) {
      yield { step: step.name, result: 'not tried' }
      continue
    }
    const result = await runStep(step, explain)
    isOver = result.result === 'failed' && step.essential === true
    yield result
  }
  return isOver
}

async function runStep({ name: step, run }: CheckStep, explain: Explain): Promise<StepResult> {
  const startedAt = performance.now()
  const durationMs = () => Math.round(performance.now() - startedAt)
  try {
    const note = await run()
    return { step, result: 'passed', durationMs: durationMs(), note }
  } catch (error) {
    const own = error instanceof CheckFailure ? error.message : explain(error)
    const reason = own ?? (error instanceof Error ? error.message : String(error))
    return { step, result: error instanceof CheckLimit ? 'limited' : 'failed', durationMs: durationMs(), reason }
  }
}
