import { createServer } from 'node:net'

/** Below those that the kernel gives to connections by itself: none of them takes the port before a server listens on it. */
const [LOWEST, HIGHEST] = [20_000, 32_767]
const MOST_TRIES = 100
/** Whoever was given one may not listen on it yet. */
const given = new Set<number>()

/** A port that nobody listens on now, another one each time; whoever takes it next has it. */
export async function freePort(): Promise<number> {
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1))
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error(`${MOST_TRIES} ports are all taken`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const listens = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
  await new Promise((resolve) => server.close(resolve))
  return listens
}
