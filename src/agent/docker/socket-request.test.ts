import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'

/** This program sends two requests, one with askSocket and one with fetch; its fetch gives up a silent connection after seconds, not minutes. */
const CLIENT = `
  import { askSocket } from ${JSON.stringify(join(import.meta.dir, 'socket-request.ts'))}
  const [socket] = process.argv.slice(-1)
  const held = askSocket(socket, { method: 'POST', path: '/containers/x/stop', patienceMs: 60_000 })
  const plain = fetch('http://docker/plain', { unix: socket, keepalive: false })
  await plain.catch(async () => await (await askSocket(socket, { method: 'POST', path: '/gave-up', patienceMs: 60_000 })).chunks().next())
  console.log((await held).status)
`

test('a call that the daemon answers late is waited for as long as the caller has patience, and not as long as fetch has', async () => {
  using folder = new TemporaryFolder()
  const socket = folder.join('docker.sock')
  const { promise: hasGivenUp, resolve: giveUp } = Promise.withResolvers<void>()
  const server = Bun.serve({
    unix: socket,
    fetch: async (request, server) => {
      server.timeout(request, 0)
      if (request.url.endsWith('/gave-up')) giveUp()
      else if (request.url.endsWith('/plain')) await new Promise(() => undefined)
      else await hasGivenUp
      return new Response(null, { status: 204 })
    },
  })
  await using client = Bun.spawn([process.execPath, '-e', CLIENT, socket], {
    env: { ...process.env, BUN_CONFIG_HTTP_IDLE_TIMEOUT: '1' },
    stdout: 'pipe',
    stderr: 'pipe',
  })

  const [printed, complaints] = await Promise.all([client.stdout.text(), client.stderr.text()])
  await server.stop(true)

  expect({ printed, complaints }).toEqual({ printed: '204\n', complaints: '' })
}, 60_000)
