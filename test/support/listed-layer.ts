import { setImmediate } from 'node:timers/promises'
import { LayerTable } from '../../src/images/inside/files/layer-table.ts'
import { listLayer } from '../../src/images/inside/files/read-layer.ts'
import { ReadingBudget } from '../../src/images/inside/files/reading-budget.ts'
import { INTERESTS } from '../../src/images/inside/interests.ts'

export interface ListedLayer {
  readonly problems: readonly string[]
  readonly entries: number
  /** Of its table of contents. */
  readonly pieces: Uint8Array[]
  readonly read?: undefined
}

/** Reads a layer as the registry does. */
export async function listedLayer(layer: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<ListedLayer> {
  const pieces: Uint8Array[] = []
  const table = new LayerTable(async ({ bytes }) => void pieces.push(bytes))
  const budget = new ReadingBudget()
  const common = { label: 'the layer', interests: INTERESTS, budget, fingerprintKey: 'key', mostFileBytes: 16 * 1024 * 1024 }
  const reading = { ...common, onUnpacked: async () => await setImmediate() }
  const problems = await listLayer(inParts(layer), reading, table)
  await table.end()
  return { problems, entries: table.entries, pieces }
}

/** As a disk gives them: a reader holds no more of a layer than what it works on. */
async function* inParts(layer: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const bytes of layer) for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}
