import { setDefaultTimeout } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { describeFetches } from '../support/fetched-blobs.ts'

setDefaultTimeout(120_000)

for (const [name, server] of [
  ['files', listen],
  ['streams', listenForStreams],
] as const) {
  describeFetches(`over the server for ${name}`, {
    server,
    sections: async (folder) => ({ storage: { filesystem: { rootdirectory: folder.join('data') } } }),
    uploads: (folder) => folder.join('data/berth/uploads'),
  })
}
