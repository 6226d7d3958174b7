/** Ends the process when all that it printed has been read. `process.exit` by itself drops what the pipe to a slow reader had no room for. */
export async function exitWhenRead(code: number): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise<void>((resolve) => stream.end(resolve))))
  process.exit(code)
}
