import { exact, key, section } from './keys.ts'
import { boolean, byteCount } from './values.ts'

/** Berth's own, beside the collector's. */
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
