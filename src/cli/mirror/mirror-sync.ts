import type { Config } from '../../config/config.ts'
import { previewMirrors, type SyncResult, syncMirrors } from '../../operating/mirrors.ts'
import { readableBytes } from '../../runtime/readable-bytes.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { explained, quietLog, writeLine } from '../retention/command-work.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { loadServedConfig } from '../storage/served-config.ts'

export interface MirrorSyncOptions {
  readonly dryRun: boolean
  readonly json: boolean
  readonly config?: string
}

const SHOWN_EVERY_MS = 5_000
const WORDS = { here: 'is here', moved: 'has moved and would be brought', missing: 'would be brought' } as const
const FAILED = 'failed to bring what is to be mirrored'

/** Brings what rules name, and prints how it went. Exit code 1 where something did not come. Throws CommandError. */
export async function mirrorSync(mirror: string | undefined, { dryRun, json, config: path }: MirrorSyncOptions): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(path)
  const signal = endOnSignal()
  try {
    const isWhole = dryRun ? await preview(config, { mirror, json, signal }) : await sync(config, { mirror, json, signal })
    await exitWhenRead(isWhole ? 0 : 1)
  } catch (cause) {
    if (!signal.aborted) throw cause
    throw new CommandError('interrupted; the next run goes on where this one was', { cause })
  }
}

interface Asked {
  readonly mirror: string | undefined
  readonly json: boolean
  readonly signal: AbortSignal
}

async function preview(config: Config, { mirror, json, signal }: Asked): Promise<true> {
  const counts = { here: 0, moved: 0, missing: 0 }
  await explained(config, FAILED, () =>
    previewMirrors(config, quietLog(config), {
      ...{ mirror, signal },
      told: ({ repository, tag, state }) => {
        counts[state] += 1
        writeLine(json ? JSON.stringify({ repository, tag, state }) : `${repository}:${tag} ${WORDS[state]}`)
      },
    }),
  )
  const { here, moved, missing } = counts
  if (!json)
    writeLine(
      `${here + moved + missing} tags: ${here} are here, ${moved} have moved, ${missing} are missing. Nothing was brought.`,
    )
  return true
}

async function sync(config: Config, { mirror, json, signal }: Asked): Promise<boolean> {
  let nextAtMs = performance.now() + SHOWN_EVERY_MS
  const results = await explained(config, FAILED, () =>
    syncMirrors(config, quietLog(config), {
      ...{ mirror, signal },
      onNote: (name, { tags, blobs, bytes }) => {
        if (performance.now() < nextAtMs) return
        nextAtMs = performance.now() + SHOWN_EVERY_MS
        process.stderr.write(`${name}: ${tags} tags, ${blobs} blobs brought, ${readableBytes(bytes)}\n`)
      },
    }),
  )
  for (const result of results) for (const line of json ? [JSON.stringify(result)] : linesOf(result)) writeLine(line)
  return results.every(({ note: { failed, endedEarly } }) => failed === 0 && endedEarly === undefined)
}

function linesOf({ mirror, note }: SyncResult): readonly string[] {
  const { repositories, tags, blobs, bytes, failed, failures, endedEarly } = note
  const came = `${tags} tags in ${repositories} repositories are here, ${blobs} blobs were brought, ${readableBytes(bytes)}`
  return [
    `${mirror}: ${came}${failed === 0 ? '' : `; ${failed} failed`}`,
    ...failures.map(({ name, reason }) => `  ${name}: ${reason}`),
    ...(endedEarly === undefined ? [] : [`  ended early: ${endedEarly}`]),
  ]
}
