/** 64 fast uploads in one process took 205 MB where any eight of them might wait at a time, 140 to 155 where it is the same eight. */
const PLACES = 8

/**
 * Which uploads of a process may wait for anything but their client. While one waits the runtime gathers 1.5 to 2.5 MiB of its body, and it
 * keeps that memory until the body ends, however short the wait was: so a place once taken is held until then, and the others never wait.
 */
export class WaitingPlaces {
  #free = PLACES

  /** For one body, at whose end it is disposed of. */
  enter(): WaitingPlace {
    return new WaitingPlace({
      take: () => {
        if (this.#free === 0) return false
        this.#free -= 1
        return true
      },
      leave: () => {
        this.#free += 1
      },
    })
  }
}

interface Places {
  take(): boolean
  leave(): void
}

class WaitingPlace implements Disposable {
  readonly #places: Places
  #isTaken = false

  constructor(places: Places) {
    this.#places = places
  }

  /** Is asked before each wait. False: all places are taken. */
  readonly mayWait = (): boolean => {
    this.#isTaken ||= this.#places.take()
    return this.#isTaken
  };

  [Symbol.dispose](): void {
    if (this.#isTaken) this.#places.leave()
    this.#isTaken = false
  }
}
