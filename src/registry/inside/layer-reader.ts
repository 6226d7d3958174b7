import { setImmediate } from 'node:timers/promises'
import { ImageError } from '../../images/image-error.ts'
import { LayerTable, type TablePiece } from '../../images/inside/files/layer-table.ts'
import { listLayer } from '../../images/inside/files/read-layer.ts'
import { ReadingBudget } from '../../images/inside/files/reading-budget.ts'
import { INTERESTS } from '../../images/inside/interests.ts'
import {
  beginInside,
  endLayer,
  findLayerInside,
  getFingerprintKey,
  type LayerInside,
  putLayerPiece,
} from '../../metadata/inside/layers.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { FileGarbage } from './file-garbage.ts'
import type { LayerBytes } from './layer-bytes.ts'

/** Of a file that tells of packages. It is in memory as a whole, and once more as text. */
const MOST_FILE_BYTES = 16 * 1024 * 1024
/** Of unpacked bytes, between two looks at the clock and at other work. */
const PACED_BYTES = 64 * 1024
/** The time that the reader waits for its pace does not count: a layer of 20 GB takes less. */
const MOST_MS = 30 * 60 * 1000

export interface LayerReaderOptions {
  readonly metadata: Metadata
  readonly bytes: Pick<LayerBytes, 'find'>
  /** Is told of unpacked bytes; resolves when more may be. */
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>
  /** How long the pace has made readings wait, of what is stored and of what is unpacked. */
  readonly waitedMs: () => number
  readonly nowMs?: (() => number) | undefined
  /** Left out: of this process. */
  readonly garbage?: Pick<FileGarbage, 'add'>
}

/** Reads what is in a layer, once for all images that have it. */
export class LayerReader {
  readonly #options: LayerReaderOptions
  readonly #garbage: Pick<FileGarbage, 'add'>

  constructor(options: LayerReaderOptions) {
    this.#options = options
    this.#garbage = options.garbage ?? new FileGarbage()
  }

  /** Undefined where its bytes are not there, or nothing knows of them. Throws the reason of the signal, and what the storage throws; what is wrong in the layer is told in its problems. */
  async read(digest: Digest, signal: AbortSignal): Promise<LayerInside | undefined> {
    const { metadata, bytes } = this.#options
    const known = await findLayerInside(metadata.read, digest)
    if (known !== undefined) return known
    const chunks = await bytes.find(digest, signal)
    if (chunks === undefined) return undefined
    const id = await metadata.write(beginInside)
    const table = new LayerTable(this.#keeper(id), (entries) => this.#garbage.add(entries))
    const label = `the layer ${digest}`
    const onUnpacked = this.#watch(label, signal)
    const fingerprintKey = await getFingerprintKey(metadata.read)
    const reading = { label, interests: INTERESTS, budget: new ReadingBudget(), fingerprintKey, mostFileBytes: MOST_FILE_BYTES }
    const problems = await listLayer(chunks, { ...reading, onUnpacked }, table)
    await table.end()
    const layer = { id, entries: table.entries, problems }
    const names = table.names()
    const isKept = await metadata.write((query) => endLayer(query, digest, { ...layer, names }))
    return isKept ? layer : await findLayerInside(metadata.read, digest)
  }

  /** Lets other work go first, and ends a reading that takes too long. */
  #watch(label: string, signal: AbortSignal): (bytes: number) => Promise<void> {
    const { pace, waitedMs, nowMs = () => performance.now() } = this.#options
    const workedMs = () => nowMs() - waitedMs()
    const untilMs = workedMs() + MOST_MS
    let unpacked = 0
    return async (bytes) => {
      unpacked += bytes
      if (unpacked < PACED_BYTES) return
      await setImmediate()
      await pace(unpacked, signal)
      signal.throwIfAborted()
      unpacked = 0
      if (workedMs() > untilMs) throw new ImageError(`${label} takes longer to read than ${MOST_MS / 60_000} minutes`)
    }
  }

  /** Each piece is a transaction of its own: none takes long. */
  #keeper(id: number): (piece: TablePiece) => Promise<void> {
    let [above, below] = [0, -1]
    return async ({ bytes, isOfWhiteouts }) => {
      const number = isOfWhiteouts ? below-- : above++
      await this.#options.metadata.write((query) => putLayerPiece(query, id, number, bytes))
    }
  }
}
