/** As small as pages are anywhere. */
const PAGE_BYTES = 4096

/**
 * Has the pages of a file in memory until it is disposed of. The kernel of a virtual machine may page out what no process maps and nothing has read
 * for a minute (DAMON, which gives memory back to the host). A server with memory to spare keeps its database in memory, and so does this one.
 */
export class MappedFile {
  #bytes: Uint8Array | undefined
  /** Of what was read, so that it is. */
  #sum = 0

  constructor(path: string) {
    this.#bytes = Bun.mmap(path, { shared: true })
    for (let at = 0; at < this.#bytes.length; at += PAGE_BYTES) this.#sum += this.#bytes[at] ?? 0
  }

  [Symbol.dispose](): void {
    this.#bytes = undefined
  }
}
