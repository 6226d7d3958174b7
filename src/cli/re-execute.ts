const POOL_VARIABLE = 'UV_THREADPOOL_SIZE'
/** Half of it may be busy with writes and fsyncs; reads always find a thread in the other half. */
const POOL_THREADS = '64'
/** Where Bun keeps the program inside a one-file binary. */
const INSIDE_BINARY = '/$bunfs/'

/**
 * Begins again with a file pool of 64 threads, in the same process. Bun's own has one thread for each core, where two slow disk
 * calls stop every other one; its size can be set only from the environment. Returns when that has been done already.
 */
export function ensureLargeFilePool(): void {
  if (process.env[POOL_VARIABLE] === undefined) reExecute({ ...process.env, [POOL_VARIABLE]: POOL_THREADS })
}

/** Replaces this process by a new one of the same command, with the same process id. */
export function reExecute(environment: NodeJS.ProcessEnv = process.env): void {
  const [, main = '', ...commandArguments] = process.argv
  const program = main.startsWith(INSIDE_BINARY) ? [] : [...process.execArgv, main]
  process.execve?.(process.execPath, [process.execPath, ...program, ...commandArguments], environment)
}
