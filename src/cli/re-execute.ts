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

/** Replaces this process by a new one of the same command, with the same process id and the name that it was called by. */
export function reExecute(environment: NodeJS.ProcessEnv = process.env): void {
  process.execve?.(process.execPath, [process.argv0, ...ownWords()], environment)
}

/** The command that starts another process like this one. */
export function ownCommand(): readonly string[] {
  return [process.execPath, ...ownWords()]
}

function ownWords(): readonly string[] {
  const [, main = '', ...commandArguments] = process.argv
  const program = main.startsWith(INSIDE_BINARY) ? [] : [...process.execArgv, main]
  return [...program, ...commandArguments]
}
