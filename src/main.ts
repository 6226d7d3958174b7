import { ensureRuntimeSettings } from './cli/serve/re-execute.ts'

// It begins again before the rest is loaded, which takes longer than everything else at the start.
if (process.argv[2] === 'serve') ensureRuntimeSettings()
const { run } = await import('./cli/run.ts')
await run()
