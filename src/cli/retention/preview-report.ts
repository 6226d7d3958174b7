import type { PreviewedContent, PreviewTotals } from '../../operating/retention.ts'

export function lineOf({ repository, tag, digest, goes, because }: PreviewedContent): string {
  const name = tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`
  return `${goes ? 'goes ' : 'stays'} ${name}: ${because}`
}

export function jsonOf({ tag, ...content }: PreviewedContent): string {
  return JSON.stringify({ ...content, ...(tag === undefined ? {} : { tag }) })
}

export interface PreviewedPolicy {
  readonly hasRules: boolean
  readonly keepsUntagged: boolean
  readonly dryRun: boolean
}

/** What all of it comes to, after an empty line. */
export function sentencesOf(
  { tags, untagged, bytes, isAlone }: PreviewTotals,
  { hasRules, keepsUntagged, dryRun }: PreviewedPolicy,
): readonly string[] {
  const sentences = ['', `${counted(tags.go, 'tag')} would go, and ${tags.stay} stay.`]
  if (!keepsUntagged)
    sentences.push(
      `${counted(untagged.go, 'manifest')} without a tag would go, and ${untagged.stay} stay; they hold ${bytes.going} bytes that nothing else needs.`,
    )
  if (bytes.untagged > 0)
    sentences.push(
      `Images that lose their last tag hold ${bytes.untagged} bytes that nothing else needs; ${
        keepsUntagged ? 'they stay while retention.untagged is keep.' : 'they go when retention.untagged is over.'
      }`,
    )
  if (!hasRules) sentences.push('The configuration has no rules (section retention), so that nothing goes.')
  else if (dryRun) sentences.push('Nothing goes while retention.dryrun is true.')
  else if (isAlone) sentences.push('A server with this configuration removes it; none runs now.')
  else sentences.push('The server removes it at its next pass, if it runs with this configuration.')
  return sentences
}

function counted(count: number, one: string): string {
  return `${count} ${count === 1 ? one : `${one}s`}`
}
