import { describeChanges } from '../config/changes.ts'
import { ConfigError } from '../config/config-error.ts'
import { examineConfig } from '../config/load-config.ts'

export interface CheckConfigOptions {
  readonly strict?: boolean
}

/** Says what changes when Berth serves with a configuration of registry:2. Exit code 1 when it cannot; throws when it is none. */
export function checkConfig(path: string, { strict = false }: CheckConfigOptions): void {
  const { outcome, notices, settings } = examineConfig({ path, environment: process.env, strict })
  const isUsable = !(outcome instanceof ConfigError)
  const verdict = isUsable ? `Berth starts with ${path} as it is.` : `Berth does not start with it: ${outcome.message}`
  process.stdout.write(
    [
      verdict,
      // The verdict lists them where there are problems.
      ...listed('Accepted, and without effect or with another one:', isUsable ? notices : []),
      ...listed('What changes:', describeChanges(settings.tree)),
      '',
    ].join('\n'),
  )
  if (!isUsable) process.exitCode = 1
}

function listed(title: string, sentences: readonly string[]): string[] {
  return sentences.length === 0 ? [] : ['', title, ...sentences.map((sentence) => `- ${sentence}`)]
}
