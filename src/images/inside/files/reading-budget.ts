import { ImageError } from '../../image-error.ts'

/** Of an image: more than any real one has, and what fits into a few dozen megabytes. */
const MOST_ENTRIES = 300_000
const MOST_TEXT = 32 * 1024 * 1024
/** Of files that are read, all together. */
const MOST_READ_BYTES = 256 * 1024 * 1024

/** What the reading of one image may take, over all its layers. */
export class ReadingBudget {
  #entries = 0
  #text = 0
  #read = 0

  /** Throws ImageError where an image has more than may be told. */
  takeEntry(path: string, target: string): void {
    this.#entries += 1
    this.#text += path.length + target.length
    if (this.#entries > MOST_ENTRIES || this.#text > MOST_TEXT)
      throw new ImageError(`the image has more than ${MOST_ENTRIES.toLocaleString('en-US')} files, or names of more than 32 MB`)
  }

  mayRead(bytes: number): boolean {
    this.#read += bytes
    return this.#read <= MOST_READ_BYTES
  }
}
