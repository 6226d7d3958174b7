/** What the runtime takes from the environment alone, when it begins. What the operator has set stays as it is. */
const RUNTIME_SETTINGS: Readonly<Record<string, string>> = {
  // Half of the file pool may be busy with writes and fsyncs; reads always find a thread in the other half. Bun's own has one thread for
  // each core, where two slow disk calls stop every other one.
  UV_THREADPOOL_SIZE: '64',
}
/** Where Bun keeps the program inside a one-file binary. */
const INSIDE_BINARY = '/$bunfs/'

/** Begins again, in the same process, with the settings of the runtime that Berth needs. Returns when that has been done already. */
export function ensureRuntimeSettings(): void {
  if (Object.keys(RUNTIME_SETTINGS).every((name) => process.env[name] !== undefined)) return
  reExecute({ ...RUNTIME_SETTINGS, ...process.env })
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
