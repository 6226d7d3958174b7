import { setDefaultTimeout } from 'bun:test'
import { describeFetches } from '../support/fetched-blobs.ts'
import { someServers } from '../support/wire.ts'

setDefaultTimeout(120_000)

for (const [name, server] of someServers('fetches of a mirror')) {
  describeFetches(`over ${name}`, {
    server,
    sections: async (folder) => ({ storage: { filesystem: { rootdirectory: folder.join('data') } } }),
    uploads: (folder) => folder.join('data/berth/uploads'),
  })
}
