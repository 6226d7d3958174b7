import type { Placement } from '../../src/storage/driver.ts'
import { MemoryDriver } from '../../src/storage/memory/memory.ts'

/** Remembers what only its owner may read. */
export class SecretsDriver extends MemoryDriver {
  readonly secrets = new Set<string>()

  override async place(placements: readonly Placement[]): Promise<void> {
    for (const { files } of placements) for (const { name, secret } of files) if (secret === true) this.secrets.add(name)
    await super.place(placements)
  }
}
