import { z } from 'zod'
import { EVENT_KINDS } from '../../registry/events/event-kinds.ts'

const text = z.string()
const count = z.int().min(0)
const time = z.iso.datetime()
const digest = text.meta({ description: 'As in sha256:…' })

const unreadable = count.meta({ description: 'Files among the records of deletions that are no records.' })

const created = time.nullable().meta({ description: 'When it was made, as its builder says.' })
const bytes = count.nullable().meta({ description: 'Of its config and its layers, each once; null for an image index.' })
const platforms = z.array(text).meta({ description: 'What it runs on.' })
const said = text.nullable()

const automated = z.boolean().meta({ description: 'The last push came from a robot, as far as that is known.' })
const layer = z.strictObject({ digest, mediaType: text, bytes: count })
const sums = z.strictObject({
  days7: count.meta({ description: 'Today and the six days before, in universal time.' }),
  days30: count.meta({ description: 'Today and the 29 days before.' }),
  last: time.nullable().meta({ description: 'The last pull; null where none is known.' }),
})
const pulls = sums.extend({
  byDay: z.array(z.strictObject({ day: z.iso.date(), count })).meta({ description: 'The days of the last 30 that have any.' }),
})
const use = z.strictObject({
  bytes: count.meta({ description: 'All that it needs in the storage, each digest once.' }),
  own: count.nullable().meta({ description: 'Of these, what nothing else needs; null while not everything has been scanned.' }),
})

const quota = z.strictObject({
  name: text,
  used: count.meta({ description: 'Bytes.' }),
  limit: count.nullable().meta({ description: 'Bytes above which pushes are refused; null: there is no such limit.' }),
  warn: count.nullable().meta({ description: 'Bytes above which pushes are warned.' }),
})

const seen = {
  tags: count.meta({ description: 'Tags that go.' }),
  manifests: count.meta({ description: 'Manifests that go.' }),
  released: count.meta({
    description: 'Manifests that go later with those: children, referrers, and what is attached by a tag.',
  }),
  leftUntagged: count.meta({ description: 'Manifests that lose their last tag, and stay.' }),
  unreadable: count.meta({ description: 'Revisions that cannot be read, and so stay.' }),
  kept: count.meta({ description: 'What a rule or a hold keeps.' }),
  bytes: count.meta({ description: 'Bytes that nothing else needs.' }),
  freedBy: time.optional().meta({ description: 'When they are free; left out where no collector runs.' }),
  token: text.meta({ description: 'To be sent with the deletion.' }),
  more: z.boolean().meta({ description: 'More goes or stays than is named.' }),
}
const going = z.strictObject({ kind: z.enum(['tag', 'manifest', 'released']), tag: text.optional(), digest })
const staying = z.strictObject({ reference: text, because: text })
const WHAT_STAYS = 'What a rule or a hold keeps, and why.'

/** What is answered. Tests hold the answers against these. */
export const ANSWERS = {
  preview: z.strictObject({
    ...seen,
    namedBy: z.array(digest).meta({ description: 'Image indexes that name the manifest: its deletion needs force=true.' }),
    goes: z.array(going),
    stays: z.array(staying).meta({ description: WHAT_STAYS }),
  }),
  previewByPattern: z.strictObject({
    repositories: count.meta({ description: 'Repositories from which something goes.' }),
    ...seen,
    goes: z.array(going.extend({ repository: text })),
    stays: z.array(staying.extend({ repository: text })).meta({ description: WHAT_STAYS }),
  }),
  deletion: z.strictObject({
    ...{ tags: count, manifests: count },
    changed: count.meta({ description: 'What was pushed or moved meanwhile, and stays.' }),
    kept: count.meta({ description: 'What the configuration or a hold keeps.' }),
  }),
  deleted: z.strictObject({
    deleted: z.array(
      z.strictObject({
        ...{
          id: text,
          at: time,
          until: time,
          by: text.nullable(),
          kind: z.enum(['tag', 'manifest']),
          digest,
          tags: z.array(text).meta({ description: 'The first hundred.' }),
          tagCount: count,
        },
      }),
    ),
    more: z.boolean(),
    unreadable,
  }),
  undeletion: z.strictObject({
    manifests: count.meta({ description: 'Manifests that are back.' }),
    restored: z.array(
      z.strictObject({ digest, tags: z.array(text), moved: z.array(z.strictObject({ tag: text, digest })) }).meta({
        description: '`moved`: tags that point elsewhere by now, and stay so.',
      }),
    ),
    gone: z.array(z.strictObject({ digest, missing: z.array(digest) })).meta({ description: 'What cannot be brought back.' }),
    more: z.boolean().meta({ description: 'More came back, or is gone, than is named.' }),
    unreadable,
  }),
  repositories: z.strictObject({
    repositories: z.array(z.strictObject({ name: text, description: text, stars: count, automated })),
    total: count.optional().meta({ description: 'How many a search has found, at most 1,000.' }),
    more: z.boolean(),
  }),
  tags: z.strictObject({
    tags: z.array(
      z.strictObject({
        ...{ name: text, digest, mediaType: said, created, bytes, platforms },
        moved: z
          .strictObject({ at: time, by: said, how: said })
          .nullable()
          .meta({ description: 'What moved it to where it points; null where that is not known.' }),
        pulls: sums.meta({ description: 'By this name.' }),
        sameAs: z.array(text).meta({ description: 'Other tags of the same image: the first ten.' }),
      }),
    ),
    more: z.boolean(),
    next: text.nullable().meta({ description: 'To be sent as after; null: this was all.' }),
  }),
  repository: z.strictObject({
    ...{ name: text, description: text },
    describedByHand: z.boolean().meta({ description: 'false: the newest image says it.' }),
    ...{ stars: count, starred: z.boolean().meta({ description: 'The caller has given a star.' }) },
    ...{ official: z.boolean(), automated },
    tags: count.nullable().meta({ description: 'null: more than 100,000.' }),
    images: count.nullable().meta({ description: 'Different images to which tags lead.' }),
    newest: z
      .strictObject({ tag: text, digest, at: time.nullable() })
      .nullable()
      .meta({ description: 'The tag that came last to its image, and when: where no move is known, when its image was made.' }),
    storage: use,
    pulls: pulls.extend({ total: count.meta({ description: 'All since they are counted.' }) }),
  }),
  storage: use,
  wholeStorage: z.strictObject({
    bytes: count.nullable().meta({ description: 'Each blob once; null while not everything has been looked at.' }),
    blobs: count.nullable().meta({ description: 'How many these are.' }),
    leaving: count.nullable().meta({ description: 'Of the bytes, what nothing needs any more and the collector takes.' }),
    free: count.nullable().meta({ description: 'Bytes that the storage has left; null where it has no limit.' }),
    reserve: count.nullable().meta({ description: 'Of these, what uploads do not take.' }),
    quotas: z.array(quota).meta({ description: 'Those that hold the most bytes.' }),
    moreQuotas: z.boolean(),
  }),
  storageOfTags: z.strictObject({
    tags: z.array(z.strictObject({ name: text, digest, ...use.shape })),
    next: text.nullable().meta({ description: 'To be sent as after; null: this was all.' }),
  }),
  comparison: z.strictObject({
    from: z.strictObject({ digest, bytes: count.meta({ description: 'Of its layers.' }) }),
    to: z.strictObject({ digest, bytes: count }),
    commonBytes: count.meta({ description: 'Of the layers that both have.' }),
    layers: z.array(layer.extend({ in: z.enum(['both', 'from', 'to']) })),
    config: z
      .array(z.strictObject({ name: text, from: said, to: said }))
      .meta({ description: 'What the configs say differently; null: nothing.' }),
  }),
  progress: z.strictObject({
    names: z.boolean().meta({ description: 'The names of all repositories are known.' }),
    scanned: z.number().min(0).max(1).meta({ description: 'The part of the repositories that has been looked at.' }),
    complete: z.boolean().meta({ description: 'Everything has been looked at.' }),
    facts: z.boolean().meta({ description: 'And what images say of themselves has been read.' }),
    unreadFacts: count
      .optional()
      .meta({ description: 'Of so many manifests it has not; only for callers who may see all of them.' }),
  }),
  collection: z.strictObject({
    looked: time.nullable().meta({ description: 'When the collector last looked at everything; null: not on this storage.' }),
    waits: said.meta({ description: 'Why it takes nothing, in a word for a program; null: it does.' }),
    because: said.meta({ description: 'The same in a sentence.' }),
    due: z
      .strictObject({ links: count, blobs: count, bytes: count })
      .nullable()
      .meta({ description: 'What nothing needed for its whole grace at that look.' }),
    condemned: z
      .strictObject({ links: count, manifests: count })
      .meta({ description: 'What goes next, unless it is asked for.' }),
    untagged: z
      .strictObject({ manifests: count, bytes: count, frees: text.meta({ description: 'The command that frees them.' }) })
      .nullable()
      .meta({ description: 'Manifests without a tag, which stay, and the bytes that only they hold; counted once a day.' }),
  }),
  activity: z.strictObject({
    activity: z.array(
      z.strictObject({
        ...{ repository: text, tag: text, at: time, by: said, how: text },
        digest: digest.nullable().meta({ description: 'Where the tag leads since; null: it was deleted.' }),
        before: digest.nullable().meta({ description: 'Where it led before; null: nowhere.' }),
      }),
    ),
    next: count.nullable().meta({ description: 'To be sent as before; null: this was all that is kept.' }),
  }),
  event: z.strictObject({
    id: z.uuid().meta({ description: 'The same event has it each time it is told.' }),
    ...{ at: time, kind: z.enum(EVENT_KINDS), repository: text.optional(), tag: text.optional(), digest: digest.optional() },
    name: text.optional().meta({ description: 'The user, the group or the token; or the address of the upstream.' }),
    count: count.optional().meta({ description: 'How many blobs a collection took.' }),
    before: digest.optional().meta({ description: 'Where the tag led until it moved.' }),
    mediaType: text.optional(),
    size: count.optional().meta({ description: 'Bytes.' }),
    from: text.optional().meta({ description: 'The repository that the blob was mounted from.' }),
    by: text.optional().meta({ description: 'The caller; left out for one without a name.' }),
  }),
  description: z.strictObject({ description: text.nullable().meta({ description: 'null: the newest image says it.' }) }),
  star: z.strictObject({ stars: count, starred: z.boolean() }),
  image: z.strictObject({
    ...{ digest, mediaType: text, manifestBytes: count },
    tags: z.array(text).meta({ description: 'That lead to it: the first hundred.' }),
    contents: z
      .strictObject({
        artifactType: said,
        subject: digest.nullable().meta({ description: 'What it is attached to.' }),
        layers: z.array(layer).meta({ description: 'The lowest first.' }),
        images: z
          .array(layer.extend({ platform: said, attestation: z.boolean() }))
          .meta({ description: 'What an image index names. attestation: it tells of another image, and is none.' }),
      })
      .nullable()
      .meta({ description: 'What its manifest names; null where that has more than 256 KiB, or is damaged.' }),
    referrers: z
      .array(layer.extend({ artifactType: said }))
      .meta({ description: 'What is attached to it: the first hundred. GET /v2/<name>/referrers/<digest> has all.' }),
    moreReferrers: z.boolean(),
    attachedTags: z
      .array(text)
      .meta({ description: 'Tags that attach something to it by their names, as those of cosign do: the first hundred.' }),
    pulls,
    facts: z
      .strictObject({
        ...{ created, bytes, platforms, title: said, description: said, source: said, version: said },
        ...{ baseName: said, baseDigest: said },
        firstImage: said.meta({ description: 'Of an image index: the digest of its first image.' }),
        config: z
          .strictObject({
            ...{ user: text, workingDirectory: text, entrypoint: z.array(text), command: z.array(text), ports: z.array(text) },
            environment: z.array(text).meta({ description: 'Names alone: values may be secrets.' }),
            labels: z.record(text, text),
            history: z.array(z.strictObject({ created, by: text, comment: text, isEmpty: z.boolean() })),
          })
          .nullable(),
      })
      .nullable()
      .meta({ description: 'Null where they have not been read yet.' }),
  }),
  history: z.strictObject({
    moves: z.array(
      z.strictObject({
        at: time,
        by: text.nullable().meta({ description: 'Who moved it; null where that is not known.' }),
        how: text.nullable().meta({ description: 'What moved it; null where only the storage tells of it.' }),
        digest: digest.nullable().meta({ description: 'Where to; null: it was deleted.' }),
        state: z.enum(['there', 'deleted', 'gone']).meta({ description: 'Of that manifest; deleted: it can be brought back.' }),
        until: time.nullable().meta({ description: 'Until when it can be brought back.' }),
      }),
    ),
    more: z.boolean().meta({ description: 'There may be older moves.' }),
    unreadable: count.meta({ description: 'Files among the records that are no records.' }),
  }),
  restoration: z.strictObject({ tag: text, digest }),
  quotas: z.strictObject({
    quotas: z.array(quota),
    counted: z.boolean().meta({ description: 'false: not everything has been counted yet.' }),
  }),
  retention: z.strictObject({
    tags: z.strictObject({ go: count, stay: count }).meta({ description: 'How many tags would go, and stay.' }),
    untagged: z.strictObject({ go: count, stay: count }).meta({ description: 'The same of manifests without a tag.' }),
    dryRun: z.boolean().meta({ description: 'true: the rules are only shown, and nothing goes.' }),
    bytes: z
      .strictObject({
        going: count.meta({ description: 'Of manifests without a tag that go.' }),
        untagged: count.meta({ description: 'Of images that lose their last tag.' }),
      })
      .optional()
      .meta({ description: 'Bytes that nothing else needs, of all that goes; only with bytes=true.' }),
    contents: z.array(
      z.strictObject({
        tag: text.nullable().meta({ description: 'null: a manifest without a tag.' }),
        digest,
        goes: z.boolean(),
        reason: text.meta({ description: 'A word or two, for a program.' }),
        because: text.meta({ description: 'To be read after stays: or goes:.' }),
      }),
    ),
    next: text.nullable().meta({ description: 'To be sent as last; null: this was all.' }),
  }),
  errors: z.strictObject({
    errors: z.array(z.strictObject({ code: text, message: text, detail: z.unknown().optional() })),
  }),
}
