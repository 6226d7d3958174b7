import type { Metadata } from '../../src/metadata/query.ts'
import type { Gate } from './gate.ts'

/** Transactions of a process, one of which a test may hold before it begins or after it was committed. */
export class HeldWrites {
  #held: { readonly gate: Gate; readonly phase: 'before' | 'after'; readonly number: number } | undefined
  #count = 0

  watch(metadata: Metadata): Metadata {
    const write: Metadata['write'] = async (operation) => {
      const number = this.#count
      this.#count += 1
      await this.#pass('before', number)
      const result = await metadata.write(operation)
      await this.#pass('after', number)
      return result
    }
    return { read: metadata.read, revision: () => metadata.revision(), write }
  }

  /** Of those that begin from now on, this one waits at the gate; the first is 0. */
  holdAt(gate: Gate, phase: 'before' | 'after', number: number): void {
    this.#count = 0
    this.#held = { gate, phase, number }
  }

  async #pass(phase: 'before' | 'after', number: number): Promise<void> {
    if (this.#held?.phase === phase && this.#held.number === number) await this.#held.gate.pass()
  }
}
