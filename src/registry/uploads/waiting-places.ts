/** What the uploads of a process may take of its memory, in parts of 0.7 MB: one for each upload, and more for each that has waited. */
const ROOM = 64
const PARTS_WITH_LENGTH = 2
/** The runtime gathers twice as much of a body that comes in chunks of its own. */
const PARTS_IN_CHUNKS = 4
/**
 * The first six places are open to every upload; the rest need 2 MiB received: by then the uploads that began beside it are counted.
 * docs/performance.md has the measurements.
 */
const FIRST_PLACES = 6
const LONG_ON_ITS_WAY_BYTES = 2 * 1024 * 1024
/**
 * With more than 25 active uploads no upload waits. The runtime reads one socket up to ten times, 512 KiB each, before it looks at the next,
 * but only once where 25 sockets have something to read: the uploads that do not wait would take longer turns if the others did.
 */
const MOST_THAT_WAIT = 25

/**
 * Which uploads of a process may wait for anything but their client. While one waits the runtime gathers 1.5 to 4 MiB of its body, and it
 * keeps that memory until the body ends, however short the wait was: so a place once taken is held until then. Up to 21 uploads may all
 * wait; 64 fast ones took 205 MB in one process where any eight might wait at a time, and about 145 where the same six might.
 */
export class WaitingPlaces {
  #uploads = 0
  #taken = 0
  #parts = 0

  /** For one body, at whose end it is disposed of. */
  enter({ hasLength }: { readonly hasLength: boolean }): WaitingPlace {
    const parts = hasLength ? PARTS_WITH_LENGTH : PARTS_IN_CHUNKS
    this.#uploads += 1
    return new WaitingPlace({
      isCrowded: () => this.#uploads > MOST_THAT_WAIT,
      take: (received) => this.#take(parts, received),
      leave: (isTaken) => {
        this.#uploads -= 1
        if (isTaken) this.#count(-1, -parts)
      },
    })
  }

  #take(parts: number, received: number): boolean {
    const hasRoom = received >= LONG_ON_ITS_WAY_BYTES && this.#uploads + this.#parts + parts <= ROOM
    if (this.#taken >= FIRST_PLACES && !hasRoom) return false
    this.#count(1, parts)
    return true
  }

  #count(places: number, parts: number): void {
    this.#taken += places
    this.#parts += parts
  }
}

interface Places {
  isCrowded(): boolean
  take(received: number): boolean
  leave(isTaken: boolean): void
}

class WaitingPlace implements Disposable {
  readonly #places: Places
  #isTaken = false
  /** It has met a crowd and goes on without a wait: what it gathered when the others end would come on top of what they have left. */
  #isPassedOver = false

  constructor(places: Places) {
    this.#places = places
  }

  /** Is asked before each wait, with the bytes that have come until then. False: there is no room for it. */
  mayWait(received: number): boolean {
    this.#isPassedOver ||= this.#places.isCrowded()
    if (this.#isPassedOver) return false
    this.#isTaken ||= this.#places.take(received)
    return this.#isTaken
  }

  [Symbol.dispose](): void {
    this.#places.leave(this.#isTaken)
  }
}
