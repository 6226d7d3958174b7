/**
 * The command of a client that measures and rests between its requests, so that it has the processor as soon as an answer is there. In a fair share with what loads the machine
 * such a client waited up to 150 ms for the processor itself, and that counted as the registry's time. Where this user may not do so, it takes its share.
 */
export function promptly(command: readonly string[]): string[] {
  mayBePrompt ??= Bun.which('chrt') !== null && Bun.spawnSync([...FIRST_IN_LINE, 'true']).exitCode === 0
  return mayBePrompt ? [...FIRST_IN_LINE, ...command] : [...command]
}

const FIRST_IN_LINE = ['chrt', '--fifo', '1']
let mayBePrompt: boolean | undefined
