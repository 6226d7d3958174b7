import { describeChanges } from '../config/changes.ts'
import { ConfigError } from '../config/config-error.ts'
import { loadConfig } from '../config/load-config.ts'
import { readSettings } from '../config/settings.ts'

/** Says what changes when Berth serves with a configuration of registry:2. Exit code 1 when it cannot; throws when it is none. */
export function checkConfig(configPath: string): void {
  const environment = process.env
  const problems = findProblems(configPath)
  const changes = describeChanges(readSettings(configPath, environment).tree)
  const notices = problems === undefined ? loadConfig({ path: configPath, environment }).notices : []
  const verdict =
    problems === undefined ? `Berth starts with ${configPath} as it is.` : `Berth does not start with it: ${problems}`
  process.stdout.write(
    [
      verdict,
      ...listed('Accepted, and without effect or with another one:', notices),
      ...listed('What changes:', changes),
      '',
    ].join('\n'),
  )
  if (problems !== undefined) process.exitCode = 1
}

function findProblems(path: string): string | undefined {
  try {
    loadConfig({ path, environment: process.env })
    return undefined
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

function listed(title: string, sentences: readonly string[]): string[] {
  return sentences.length === 0 ? [] : ['', title, ...sentences.map((sentence) => `- ${sentence}`)]
}
