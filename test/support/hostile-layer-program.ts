import { HOSTILE_LAYERS } from './hostile-layers.ts'
import { listedLayer } from './listed-layer.ts'
import { peakMibOf } from './resident-memory.ts'

/** Reads one hostile layer as the registry does, in a process of its own, and prints what is told of it, and the memory that it took. */
const hostile = HOSTILE_LAYERS.find(({ what }) => what === process.argv[2])
if (hostile === undefined) throw new Error(`there is no hostile layer ${process.argv[2]}`)

await listedLayer([])
const chunks = hostile.chunks()
const before = await peakMibOf(process.pid)
const { problems, entries } = await listedLayer(chunks)
process.stdout.write(JSON.stringify({ problems, entries, mib: (await peakMibOf(process.pid)) - before }))
