import { resolve } from 'node:path'
import { buildBinary } from './image/binary.ts'

/** `npm run build [-- folder]`: makes the one-file program `berth` in that folder, `dist` when none is named. */
const [folder = `${import.meta.dir}/../dist`] = process.argv.slice(2)
console.log(await buildBinary(resolve(folder)))
