import { expect, setDefaultTimeout, test } from 'bun:test'
import { CONFIG_CORPUS } from '../support/config-corpus.ts'
import { CorpusFolder } from '../support/corpus-folder.ts'
import { freePort } from '../support/free-port.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { BackgroundProgram, environmentIn, poll } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(60_000)

const LISTENING = /msg="listening on /

describeWith(
  { programs: [PEER_PROGRAM] },
  'Of sixty configurations as people have them, registry:2 takes what the corpus says',
  () => {
    // A mirror asks its upstream at the start, and Debian builds without the modules for clouds.
    const asked = CONFIG_CORPUS.filter(({ needs }) => needs === undefined || needs === 'a certificate authority')

    test.each(asked.map((config) => [config.title, config] as const))('%s', async (_, config) => {
      using folder = await CorpusFolder.make()
      const { path, environment } = await folder.write(config, { port: await freePort(), debugPort: await freePort() })
      const program = new BackgroundProgram([PEER_PROGRAM, 'serve', path], {
        environment: { ...environmentIn(folder.path), ...environment },
      })
      try {
        const outcome = await poll('it listens or ends', 30_000, async () => {
          if (LISTENING.test(program.output)) return 'starts'
          return program.running ? undefined : 'refused'
        })

        expect(outcome).toBe(config.refusedByRegistry2 ? 'refused' : 'starts')
      } finally {
        await program.stop()
      }
    })
  },
)
