import type { Metadata } from '../../metadata/query.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import type { ImageContentsReader } from '../search/image-contents.ts'
import type { MeantImages } from '../search/meant-images.ts'
import { FileGarbage } from './file-garbage.ts'
import { ImageReader } from './image-reader.ts'
import { InsideDuty } from './inside-duty.ts'
import { InsideImages } from './inside-images.ts'
import { LayerBytes } from './layer-bytes.ts'
import { LayerReader } from './layer-reader.ts'
import { ReadingPace } from './reading-pace.ts'

/** Of layers in a second, as they are stored and unpacked: the background leaves most of a disk and of a core to pulls. */
const STORED_BYTES = 20_000_000
const UNPACKED_BYTES = 100_000_000

export interface InsideParts {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly epoch: number
  /** Readers wait longer than they should. */
  readonly readersWait?: (() => boolean) | undefined
  /** Clients are served at this moment. */
  readonly isServing?: (() => boolean) | undefined
  readonly readsLayers?: boolean | undefined
  readonly meant: MeantImages
  readonly contents: ImageContentsReader
}

const never = () => false

/** What reads the layers of images, put together. */
export function createInside({
  storage,
  metadata,
  readersWait = never,
  isServing = never,
  readsLayers = false,
  ...parts
}: InsideParts) {
  const paceOf = (bytesPerSecond: number) => new ReadingPace({ bytesPerSecond, readersWait, isServing })
  const [stored, unpacked] = [paceOf(STORED_BYTES), paceOf(UNPACKED_BYTES)]
  const bytes = new LayerBytes({ storage, pace: stored.after })
  const pace = unpacked.after
  const garbage = new FileGarbage()
  const waitedMs = () => stored.waitedMs + unpacked.waitedMs
  const layers = new LayerReader({ metadata, bytes, pace, waitedMs, garbage })
  const images = new ImageReader({ storage, metadata, bytes, layers, pace, garbage })
  // A caller who waits for a file has it as fast as it comes.
  const asked = new LayerBytes({ storage, pace: async () => undefined })
  return {
    insideDuty: new InsideDuty({ metadata, images }),
    inside: new InsideImages({ metadata, ...parts, bytes: asked, isRead: readsLayers }),
  }
}
