import type { ReportedFinding } from '../../operating/checking.ts'

/** What a finding means for clients that pull, and what an operator can do about it. */
export interface FindingWords {
  /** What was found, and where. */
  readonly what: string
  readonly means: string
  readonly mends: string
}

export function wordsOf(finding: ReportedFinding): FindingWords {
  const place = placeOf(finding)
  switch (finding.kind) {
    case 'wrong-bytes':
      return { what: `${place} ${wrongBytes(finding)}`, ...bytesWords(finding) }
    case 'unreadable':
      return {
        what: `${place} cannot be read: ${finding.path ?? ''}`,
        means: 'pulls of it answer 503.',
        mends: 'look at the disk, and at the owner and mode of the file; Berth serves it as soon as it can be read.',
      }
    case 'missing-bytes':
      return {
        what: `${place} has no bytes: the link is there, and what it leads to is not`,
        means:
          finding.concerns === 'manifest'
            ? 'pulls of it answer 404, by its digest and by each tag on it.'
            : 'pulls of images that need it fail.',
        mends: 'push the image again, or bring the file back from a backup.',
      }
    case 'broken-link':
      return {
        what: `${place} has a link file that is torn, or says another digest`,
        means: 'pulls of it answer 404.',
        mends: '--repair writes it again where the right bytes are there; else push it again.',
      }
    case 'missing-link':
    case 'missing-child':
      return {
        what: `${place} is missing, and ${finding.namedBy} names it`,
        means: finding.kind === 'missing-child' ? 'pulls for its platform answer 404.' : 'pulls of that image fail.',
        mends:
          finding.kind === 'missing-child'
            ? 'push that image again.'
            : '--repair links it again where its bytes are in the storage; else push the image again.',
      }
    case 'not-servable':
      return {
        what: `${place} is no manifest that Berth can serve, though its bytes are the right ones`,
        means: 'pulls of it answer 404; the collector keeps what it names.',
        mends: `push the image in an OCI or Docker schema 2 format, or remove it: berth check --remove ${place}`,
      }
    case 'dangling-tag':
      return {
        what: `${place} leads to ${finding.digest}, which the repository does not have`,
        means: 'pulls of the tag answer 404.',
        mends: `push the tag again, or remove it: berth check --remove ${place}`,
      }
    case 'stale-row':
      return {
        what: `${place}: the database says something else than the storage, which was changed by other means`,
        means: 'pulls may answer 404 for what is there, or find nothing where it was.',
        mends: '--repair takes what the storage says; so does a restart.',
      }
    case 'unknown-content':
      return {
        what: `${finding.path} is nothing that Berth knows`,
        means: 'pulls go on; the collector removes no bytes while it is there.',
        mends: 'see docs/operations/collecting.md, Obstacles.',
      }
  }
}

function bytesWords({ concerns, outcome }: ReportedFinding): Omit<FindingWords, 'what'> {
  if (outcome === 'mended') return { means: 'pulls go on: the database had the right bytes.', mends: 'nothing more to do.' }
  const isAside = outcome === 'quarantined'
  return {
    means: isAside
      ? 'pulls of it answer 404 until it is pushed again.'
      : 'pulls of it end with bytes that clients refuse, and a push of it changes nothing.',
    mends: isAside
      ? `push ${concerns === 'manifest' ? 'the manifest' : 'an image that has it'} again; the wrong bytes are in berth/v1/quarantine.`
      : '--repair moves the wrong bytes aside, so that the next push brings the right ones.',
  }
}

function wrongBytes({ size, knownSize }: ReportedFinding): string {
  if (size === undefined || knownSize === undefined || size === knownSize)
    return `has wrong bytes (${size ?? 0} of them, as many as it should have)`
  return `has wrong bytes: ${size} in place of ${knownSize}`
}

function placeOf({ repositories, concerns, digest, tag, path }: ReportedFinding): string {
  const [repository] = repositories
  if (concerns === 'tag') return `${repository}:${tag}`
  if (digest === undefined) return repository ?? path ?? 'the storage'
  if (repository === undefined) return `${digest} (no repository has it)`
  const others = repositories.length > 1 ? ` (also in ${repositories.slice(1).join(', ')})` : ''
  return `${repository}@${digest}${others}`
}
