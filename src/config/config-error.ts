/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** The key, as in `http.addr`; absent when it is about the file as a whole. */
  readonly path?: string
  /** The line in the file, where the value stands in the file. */
  readonly line?: number
  /** The environment variable, where the value comes from one. */
  readonly variable?: string
  /** What stands there, shortened; never a secret. */
  readonly value?: string
  /** What is wrong and what is allowed, to be read after the path and the value. */
  readonly message: string
}

/** A configuration that cannot be used. Its message is for a person: every problem, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(source: string, { problems, cause }: { readonly problems: readonly ConfigProblem[]; readonly cause?: unknown }) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    super([`${source} has ${count}:`, ...problems.map((problem) => `  ${describe(problem)}`)].join('\n'), { cause })
    this.problems = problems
  }
}

function describe({ path, line, variable, value, message }: ConfigProblem): string {
  const place = variable ?? (line === undefined ? undefined : `line ${line}`)
  const subject = [path, value === undefined ? undefined : JSON.stringify(value)].filter((part) => part !== undefined)
  return [place, [subject.join(': '), message].filter((part) => part !== '').join(' ')]
    .filter((part) => part !== undefined)
    .join(': ')
}
