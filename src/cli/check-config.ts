import { describeChanges } from '../config/changes.ts'
import { ConfigError } from '../config/config-error.ts'
import { type ConfigSource, type Examined, examineConfig } from '../config/load-config.ts'

export interface CheckConfigOptions {
  readonly strict?: boolean
}

/** Says what changes when Berth serves with a configuration of registry:2. Exit code 1 when it cannot. */
export function checkConfig(path: string, { strict = false }: CheckConfigOptions): void {
  const examined = tryToExamine({ path, environment: process.env, strict })
  const refusal = examined instanceof ConfigError ? examined : findRefusal(examined)
  const lines =
    examined instanceof ConfigError
      ? []
      : [
          // The refusal lists them itself.
          ...listed('Accepted, and without effect or with another one:', refusal === undefined ? examined.notices : []),
          ...listed('What changes:', describeChanges(examined.settings.tree)),
        ]
  const verdict =
    refusal === undefined ? `Berth starts with ${path} as it is.` : `Berth does not start with it: ${refusal.message}`
  process.stdout.write([verdict, ...lines, ''].join('\n'))
  if (refusal !== undefined) process.exitCode = 1
}

function tryToExamine(source: ConfigSource): Examined | ConfigError {
  try {
    return examineConfig(source)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

function findRefusal({ outcome }: Examined): ConfigError | undefined {
  return outcome instanceof ConfigError ? outcome : undefined
}

function listed(title: string, sentences: readonly string[]): string[] {
  return sentences.length === 0 ? [] : ['', title, ...sentences.map((sentence) => `- ${sentence}`)]
}
