import type { Config } from '../config/config.ts'
import type { Log } from '../observe/log.ts'
import { seenIn } from '../registry/deleting/content-changes.ts'
import { Questions } from '../registry/deleting/questions.ts'
import { Rest } from '../registry/rest.ts'
import { RetentionBytes } from '../registry/retention/retention-bytes.ts'
import { type ShownContent, shownOf } from '../registry/retention/shown-content.ts'
import { slicesOf } from '../retention/turns.ts'
import { withContent } from './content-registry.ts'

export interface PreviewedContent extends ShownContent {
  readonly repository: string
}

export interface PreviewTotals {
  readonly tags: { readonly go: number; readonly stay: number }
  /** Manifests without a tag. */
  readonly untagged: { readonly go: number; readonly stay: number }
  readonly bytes: {
    /** Of manifests without a tag that go. */
    readonly going: number
    /** Of images that lose their last tag. */
    readonly untagged: number
  }
  readonly isAlone: boolean
}

export interface PreviewRequest {
  /** Is told some of what is in one repository: its tags by name, then its manifests without one. */
  readonly told: (contents: readonly PreviewedContent[]) => void
  readonly signal: AbortSignal
}

/** Applies the rules of the configuration to all that is there, and removes nothing. Throws StartError. */
export async function previewRetention(config: Config, log: Log, { told, signal }: PreviewRequest): Promise<PreviewTotals> {
  return await withContent(config, log, signal, async ({ registry, metadata, isAlone, signal }) => {
    const look = registry.retention.look(seenIn(registry.scan, signal))
    const rest = new Rest()
    const bytes = new RetentionBytes(new Questions(metadata.read, { signal }))
    const [tags, untagged] = [
      { go: 0, stay: 0 },
      { go: 0, stay: 0 },
    ]
    for await (const repository of look.repositories(signal)) {
      for await (const slice of slicesOf([...repository.tags, ...repository.untagged], () => rest.after(0))) {
        const contents = slice.map((decided) => ({ repository: repository.name, ...shownOf(decided) }))
        for (const { tag, goes } of contents) (tag === undefined ? untagged : tags)[goes ? 'go' : 'stay'] += 1
        told(contents)
      }
      await bytes.add(repository)
    }
    return { tags, untagged, bytes: await bytes.total(), isAlone }
  })
}
