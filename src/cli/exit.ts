/** Ends the process when all that it printed has been read. `process.exit` by itself drops what the pipe to a slow reader had no room for. */
export async function exitWhenRead(code: number): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise<void>((resolve) => stream.end(resolve))))
  process.exit(code)
}

/** Aborts at SIGINT and SIGTERM. A command that removes content ends after the removals that are under way. */
export function endOnSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort())
  return controller.signal
}
