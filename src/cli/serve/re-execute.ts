/** What the runtime takes from the environment alone, when it begins. What the operator has set stays as it is. */
const RUNTIME_SETTINGS: Readonly<Record<string, string>> = {
  // Half of the file pool may be busy with writes and fsyncs; reads always find a thread in the other half. Bun's own has one thread for
  // each core, where two slow disk calls stop every other one.
  UV_THREADPOOL_SIZE: '64',
}
/** What it takes as options alone. bin/berth gives them, the one-file program has them in it, and `bun src/main.ts` has neither. */
const RUNTIME_OPTIONS: readonly string[] = [
  // The system's certificate authorities count, and not only those that the runtime brings.
  '--use-system-ca',
]
/** Where Bun keeps the program inside a one-file binary. */
const INSIDE_BINARY = '/$bunfs/'

/** Begins again, in the same process, with the settings of the runtime that Berth needs. Returns when that has been done already. */
export function ensureRuntimeSettings(): void {
  const isSet = Object.keys(RUNTIME_SETTINGS).every((name) => process.env[name] !== undefined)
  if (isSet && missingOptions().length === 0) return
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
  const program = main.startsWith(INSIDE_BINARY) ? [] : [...process.execArgv, ...missingOptions(), main]
  return [...program, ...commandArguments]
}

/** Those that the operator has given, with whatever value, stay as they are. */
function missingOptions(): readonly string[] {
  const given = process.execArgv.map(nameOf)
  return RUNTIME_OPTIONS.filter((option) => !given.includes(nameOf(option)))
}

function nameOf(option: string): string {
  return option.replace(/=.*/s, '')
}
