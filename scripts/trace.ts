import { join } from 'node:path'
import { tracePage } from './trace/page.ts'
import { traceRequests } from './trace/trace.ts'

/**
 * `npm run trace`: which files of src run for a request. With `--write-docs` the table of docs/trace.md is made anew, with `--json` what was
 * found is printed as it is.
 */
const PAGE = join(import.meta.dir, '../docs/trace.md')

const traces = await traceRequests()
if (process.argv.includes('--json')) console.log(JSON.stringify(traces))
else if (process.argv.includes('--write-docs')) await Bun.write(PAGE, tracePage(traces))
else console.log(tracePage(traces))
