import type { Metadata } from '../../metadata/query.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { Pace } from '../collect/pace.ts'
import type { ImageContentsReader } from '../search/image-contents.ts'
import type { MeantImages } from '../search/meant-images.ts'
import { ImageReader } from './image-reader.ts'
import { InsideDuty } from './inside-duty.ts'
import { InsideImages } from './inside-images.ts'
import { LayerBytes } from './layer-bytes.ts'
import { LayerReader } from './layer-reader.ts'

/** Of layers in a second, as they are stored and unpacked: the background leaves most of a disk and of a core to pulls. */
const STORED_BYTES = 20_000_000
const UNPACKED_BYTES = 100_000_000

export interface InsideParts {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly epoch: number
  /** Readers wait longer than they should: layers are read at half the pace. */
  readonly readersWait?: (() => boolean) | undefined
  readonly readsLayers?: boolean | undefined
  readonly meant: MeantImages
  readonly contents: ImageContentsReader
}

/** What reads the layers of images, put together. */
export function createInside({ storage, metadata, readersWait = () => false, readsLayers = false, ...parts }: InsideParts) {
  const paceOf = (rate: number) => {
    const pace = new Pace({ rate, readersWait, isFull: async () => false })
    return async (read: number, signal: AbortSignal) => await pace.after(read, signal)
  }
  const bytes = new LayerBytes({ storage, pace: paceOf(STORED_BYTES) })
  const layers = new LayerReader({ metadata, bytes, pace: paceOf(UNPACKED_BYTES) })
  const images = new ImageReader({ storage, metadata, bytes, layers })
  // A caller who waits for a file has it as fast as it comes.
  const asked = new LayerBytes({ storage, pace: async () => undefined })
  return {
    insideDuty: new InsideDuty({ metadata, images }),
    inside: new InsideImages({ metadata, ...parts, bytes: asked, isRead: readsLayers }),
  }
}
