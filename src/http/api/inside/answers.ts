import { z } from 'zod'

const digest = z.string()
const counts = z.record(z.string(), z.number())
const problems = z.array(z.string()).meta({ description: 'Why not all is told, a sentence each.' })
const page = { total: z.number(), more: z.boolean() }

const file = z.strictObject({
  ...{ path: z.string(), kind: z.string(), bytes: z.number() },
  mode: z.string().meta({ description: 'The permissions, in octal digits.' }),
  ...{ userId: z.number(), groupId: z.number(), target: z.string().nullable() },
  layer: z.number().meta({ description: 'Which layer it comes from; the lowest is 1.' }),
})
const side = z.strictObject({ bytes: z.number(), kind: z.string(), mode: z.string(), userId: z.number(), groupId: z.number() })
const line = z.strictObject({ name: z.string(), from: z.string().nullable(), to: z.string().nullable() })

/** What is answered about what is in an image. */
export const INSIDE_ANSWERS = {
  inside: z.strictObject({
    digest,
    state: z.enum(['read', 'unread', 'waiting', 'nothing']).meta({
      description: 'unread: its layers are being read. waiting: a layer has not come. nothing: it is no image that runs.',
    }),
    distribution: z.strictObject({ id: z.string(), version: z.string().nullable(), name: z.string() }).nullable(),
    base: z
      .strictObject({ name: z.string(), digest: z.string().nullable(), by: z.enum(['annotation', 'layers']) })
      .nullable()
      .meta({ description: 'By its annotation, else an image of this registry that has its first layers, and no others.' }),
    attachedSboms: z
      .array(z.strictObject({ reference: z.string(), type: z.string(), by: z.enum(['subject', 'tag', 'image index']) }))
      .meta({ description: 'Lists of packages that its builder attached: they count more than what is told here.' }),
    program: z
      .strictObject({
        ...{ path: z.string(), kind: z.string(), language: z.string().nullable(), static: z.boolean() },
        ...{ libraries: z.array(z.string()), interpreter: z.string().nullable() },
      })
      .nullable(),
    packages: counts.meta({ description: 'How many of each kind.' }),
    layers: z.array(
      z.strictObject({ digest, mediaType: z.string(), bytes: z.number(), entries: z.number().nullable(), problems }),
    ),
    problems,
  }),
  packages: z.strictObject({
    digest,
    packages: z.array(
      z.strictObject({
        ...{ type: z.string(), name: z.string(), version: z.string(), architecture: z.string().nullable() },
        ...{ source: z.string().nullable(), path: z.string(), purl: z.string() },
      }),
    ),
    ...page,
  }),
  found: z.strictObject({
    packages: z.array(
      z.strictObject({
        ...{ type: z.string(), name: z.string(), version: z.string(), repository: z.string(), digest },
        tags: z.array(z.string()).meta({ description: 'Some of those that lead to the image.' }),
      }),
    ),
    ...page,
  }),
  foundFiles: z.strictObject({
    files: z.array(
      z.strictObject({
        ...{ path: z.string(), kind: z.string(), bytes: z.number(), repository: z.string(), digest },
        tags: z.array(z.string()).meta({ description: 'Some of those that lead to the image.' }),
      }),
    ),
    next: z.string().nullable().meta({ description: 'To be sent as after; null: there is no more.' }),
  }),
  files: z.strictObject({ digest, files: z.array(file), ...page }),
  difference: z.strictObject({
    ...{ from: digest, to: digest, sharedLayers: z.number(), packages: z.array(line) },
    files: z.array(z.strictObject({ path: z.string(), from: side.nullable(), to: side.nullable() })),
    ...page,
  }),
  sbom: z.looseObject({}).meta({ description: 'CycloneDX 1.6, or SPDX 2.3.' }),
}
