import type { Environment } from './processes.ts'

const TEST_MS = 120_000

/**
 * Runs a program at a terminal of its own, which shows what is typed unless the program turns that off. Each line is typed when the
 * program has asked for it with a colon.
 */
export async function runAtTerminal(
  command: readonly string[],
  typed: readonly string[],
  { environment }: { readonly environment: Environment },
): Promise<{ readonly exitCode: number; readonly shown: string }> {
  const words = command.map((word) => `'${word}'`).join(' ')
  const terminal = Bun.spawn(['script', '--quiet', '--return', '--echo', 'always', '--command', words, '/dev/null'], {
    env: { ...environment, SHELL: '/bin/sh' },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const timer = setTimeout(() => terminal.kill('SIGKILL'), TEST_MS)
  let shown = ''
  let answered = 0
  for await (const bytes of terminal.stdout) {
    shown += new TextDecoder().decode(bytes)
    const asked = shown.match(/: /g)?.length ?? 0
    if (asked <= answered || typed[answered] === undefined) continue
    terminal.stdin.write(typed[answered] ?? '')
    await terminal.stdin.flush()
    answered += 1
  }
  await terminal.stdin.end()
  const exitCode = await terminal.exited
  clearTimeout(timer)
  return { exitCode, shown }
}
