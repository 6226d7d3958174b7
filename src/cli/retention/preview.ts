import type { Config } from '../../config/config.ts'
import { type PreviewedContent, previewRetention } from '../../operating/retention.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { loadServedConfig } from '../storage/served-config.ts'
import { explained, quietLog, writeLine } from './command-work.ts'
import { jsonOf, lineOf, sentencesOf } from './preview-report.ts'

export interface PreviewOptions {
  /** One object in each line. */
  readonly json?: boolean
}

/** Prints what becomes of each tag by the rules of the configuration, and removes nothing. Throws CommandError. */
export async function previewCommand(configPath: string | undefined, { json = false }: PreviewOptions): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(configPath)
  const show = json ? jsonOf : lineOf
  const told = (contents: readonly PreviewedContent[]) => {
    if (contents.length > 0) writeLine(contents.map(show).join('\n'))
  }
  const ending = endOnSignal()
  const totals = await explained(config, 'failed to preview', () =>
    previewRetention(config, quietLog(config), { told, signal: ending }),
  )
  if (json) writeLine(JSON.stringify({ totals, dryRun: config.retention.dryRun }))
  else for (const sentence of sentencesOf(totals, policyOf(config))) writeLine(sentence)
  await exitWhenRead(0)
}

function policyOf({ retention }: Config) {
  const { rules, untaggedMs, dryRun } = retention
  return { hasRules: rules.length > 0 || untaggedMs !== undefined, keepsUntagged: untaggedMs === undefined, dryRun }
}
