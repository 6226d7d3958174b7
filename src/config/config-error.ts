/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** The key, as in `http.addr`; absent when it is about the file as a whole. */
  readonly path?: string
  /** The line in the file, where the value stands in the file. */
  readonly line?: number
  /** The environment variable, or several, where the value comes from there. */
  readonly variable?: string
  /** What stands there, shortened; never a secret. */
  readonly value?: string
  /** What is wrong and what is allowed, to be read after the path and the value. */
  readonly message: string
}

interface Findings {
  readonly problems: readonly ConfigProblem[]
  /** What is to be known beside the problems, in sentences. */
  readonly notices?: readonly string[]
  readonly cause?: unknown
}

/** A configuration that cannot be used. Its message is for a person: every problem, one a line, then what is to be known. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]
  readonly notices: readonly string[]

  /** `file` is undefined where there is none. */
  constructor(file: string | undefined, { problems, notices = [], cause }: Findings) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    const lines = [`${sourceOf(file, problems)} ${count}:`, ...problems.map((problem) => `  ${describe(problem)}`)]
    const beside = notices.length === 0 ? [] : ['Besides:', ...notices.map((notice) => `  ${notice}`)]
    super([...lines, ...beside].join('\n'), { cause })
    this.problems = problems
    this.notices = notices
  }
}

/** A file is not to blame for what a variable says. */
function sourceOf(file: string | undefined, problems: readonly ConfigProblem[]): string {
  if (file === undefined || problems.every(({ line, variable }) => line === undefined && variable !== undefined))
    return 'The environment has'
  return problems.some(({ variable }) => variable !== undefined) ? `${file} and the environment have` : `${file} has`
}

function describe({ path, line, variable, value, message }: ConfigProblem): string {
  const place = [...(line === undefined ? [] : [`line ${line}`]), ...(variable === undefined ? [] : [variable])].join(' and ')
  const subject = [path, value === undefined ? undefined : JSON.stringify(value)].filter((part) => part !== undefined)
  return [place, [subject.join(': '), message].filter((part) => part !== '').join(' ')].filter((part) => part !== '').join(': ')
}
