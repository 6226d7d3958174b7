import { exact, key, section } from './keys.ts'
import { boolean, byteCount } from './values.ts'

/** Of all bytes. Berth's own, as what follows. */
export const scrub = exact(
  section({
    enabled: key(boolean, {
      default: 'false',
      example: 'true',
      about: 'Reads all blobs once a week and compares them with their digests (docs/operations/check.md).',
    }),
    rate: key(byteCount, {
      default: '20MB',
      example: '5MB',
      about: 'Bytes to read in a second; half of it while pulls of manifests are slow. 0 is no limit.',
    }),
  }),
)

/** Of layers, for what they tell. */
export const layers = exact(
  section({
    enabled: key(boolean, {
      default: 'true',
      example: 'false',
      about: 'Reads each layer once, in the background, to tell which files and packages are in images (docs/inside.md).',
    }),
  }),
)
