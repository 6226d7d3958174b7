import type { Config } from '../../config/config.ts'
import { type PreviewedContent, previewRetention } from '../../operating/retention.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { loadServedConfig } from '../storage/served-config.ts'
import { explained, quietLog, writeLine } from './command-work.ts'
import { jsonOf, lineOf, sentencesOf } from './preview-report.ts'

const WRITTEN_AT_ONCE = 500

export interface PreviewOptions {
  /** One object in each line. */
  readonly json?: boolean
}

/** Prints what becomes of each tag by the rules of the configuration, and removes nothing. Throws CommandError. */
export async function previewCommand(configPath: string | undefined, { json = false }: PreviewOptions): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(configPath)
  const show = json ? jsonOf : lineOf
  const lines = new Lines()
  const told = (contents: readonly PreviewedContent[]) => lines.add(contents.map(show))
  const ending = endOnSignal()
  const totals = await explained(config, 'failed to preview', () =>
    previewRetention(config, quietLog(config), { told, signal: ending }),
  )
  lines.write()
  if (json) writeLine(JSON.stringify({ totals, dryRun: config.retention.dryRun }))
  else for (const sentence of sentencesOf(totals, policyOf(config))) writeLine(sentence)
  await exitWhenRead(0)
}

/** Many small repositories are written together: a write for each took a tenth of the time. */
class Lines {
  #lines: string[] = []

  add(lines: readonly string[]): void {
    this.#lines.push(...lines)
    if (this.#lines.length >= WRITTEN_AT_ONCE) this.write()
  }

  write(): void {
    if (this.#lines.length > 0) writeLine(this.#lines.join('\n'))
    this.#lines = []
  }
}

function policyOf({ retention }: Config) {
  const { rules, untaggedMs, dryRun } = retention
  return { hasRules: rules.length > 0 || untaggedMs !== undefined, keepsUntagged: untaggedMs === undefined, dryRun }
}
