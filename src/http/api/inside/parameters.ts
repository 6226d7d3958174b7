import { z } from 'zod'
import type { MeantImage } from '../../../registry/search/meant-images.ts'
import { atMost, digest, reference, tag } from '../parameters.ts'

const MOST_LISTED = 1_000
const MOST_PAGES = 1_000
export const USUALLY_LISTED = 100
/** As Linux has it. */
const MOST_PATH = 4_096

const image = { tag: tag.optional(), digest: digest.optional() }
const platform = z
  .string()
  .max(200)
  .optional()
  .meta({ description: 'Which image of an image index: linux/arm64. Its first, when left out.' })
const n = atMost(MOST_LISTED)
  .optional()
  .meta({ description: `How many; ${USUALLY_LISTED} when left out.` })
const page = atMost(MOST_PAGES).optional().meta({ description: 'Which page of them, from 1.' })
const path = z.string().max(MOST_PATH)
const word = z.string().min(1).max(200).optional()
const TYPES = ['deb', 'apk', 'rpm', 'npm', 'pypi', 'gem', 'maven', 'golang', 'cargo'] as const
const type = z.enum(TYPES).optional().meta({ description: 'Of which kind; all, when left out.' })

/** Exactly one of tag and digest. */
function oneImage<Shape extends z.ZodObject>(shape: Shape) {
  return shape.refine(({ tag: one, digest: other }) => (one === undefined) !== (other === undefined), {
    message: 'one of tag and digest says which image is meant',
  })
}

export const INSIDE = oneImage(z.strictObject({ ...image, platform }))
export const PACKAGES = oneImage(
  z.strictObject({ ...{ ...image, platform, n, page, type }, q: word.meta({ description: 'A part of their names.' }) }),
)
export const FILES = oneImage(
  z.strictObject({
    ...{ ...image, platform, n, page },
    path: path.optional().meta({ description: 'A folder or a file; / when left out.' }),
  }),
)
export const FILE = oneImage(
  z.strictObject({
    ...{ ...image, platform },
    path: path.meta({ description: 'The file; links are followed inside of the image.' }),
  }),
)
export const SBOM = oneImage(
  z.strictObject({
    ...{ ...image, platform },
    format: z.enum(['cyclonedx', 'spdx']).optional().meta({ description: 'cyclonedx when left out.' }),
  }),
)
export const FOUND = z.strictObject({
  name: z.string().min(1).max(200).meta({ description: 'The package; with * at its end, what its name begins with.' }),
  version: word.meta({ description: 'What its version begins with, as in 3.0.' }),
  ...{ type, n, page },
})
export const FOUND_FILES = z
  .strictObject({
    path: path.startsWith('/').optional().meta({ description: 'A path, from / on.' }),
    name: z
      .string()
      .regex(/^[^/]{1,255}$/, 'is no name of a file')
      .optional()
      .meta({ description: 'In place of it: the last part of paths.' }),
    n,
    after: z.string().max(200).optional().meta({ description: 'next of the page before.' }),
  })
  .refine((value) => (value.path === undefined) !== (value.name === undefined), {
    message: 'one of path and name says which file is meant',
  })
const compared = reference.meta({ description: 'A tag or a digest.' })
export const DIFFERENCE = z.strictObject({ ...{ from: compared, to: compared, platform, n, page } })

/** The image that the parameters name. */
export function meantBy(words: z.output<typeof INSIDE>): MeantImage {
  const meant = words.tag ?? words.digest
  if (meant === undefined) throw new Error('the schema lets one of both through')
  return { reference: meant, platform: words.platform }
}

/** The part of a list that was asked for. */
export function pageOf<Item>(
  list: readonly Item[],
  { n: limit = USUALLY_LISTED, page: number = 1 }: { readonly n?: number | undefined; readonly page?: number | undefined },
): { readonly items: readonly Item[]; readonly total: number; readonly more: boolean } {
  return { items: list.slice((number - 1) * limit, number * limit), total: list.length, more: number * limit < list.length }
}
