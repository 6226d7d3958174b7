import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { someOf } from '../support/effort.ts'
import { AccessLab, CALLERS, type CallerName } from '../support/matrix/access-lab.ts'
import { PodmanClient, SkopeoClient } from '../support/matrix/containers-client.ts'
import { CurlClient } from '../support/matrix/curl-client.ts'
import { DockerClient } from '../support/matrix/docker-client.ts'
import { type MatrixClient, OPERATIONS, type Operation, type Result } from '../support/matrix/matrix.ts'
import { describeWith } from '../support/requirements.ts'

/** Real programs, several for each cell. */
setDefaultTimeout(180_000)

const CLIENTS = ['docker', 'skopeo', 'podman', 'curl Basic', 'curl Bearer'] as const
type ClientName = (typeof CLIENTS)[number]

/** What the rules of the lab say, whoever asks how. */
const EXPECTED: Readonly<Record<Operation, Readonly<Record<CallerName, Result>>>> = {
  pull: row('must log in', 'done', 'done', 'done', 'done', 'must log in'),
  push: row('must log in', 'denied', 'done', 'done', 'done', 'must log in'),
  mount: row('must log in', 'denied', 'uploaded', 'uploaded', 'uploaded', 'must log in'),
  delete: row('must log in', 'denied', 'denied', 'done', 'denied', 'must log in'),
  catalog: row(
    ['public/app'],
    ['public/app', 'team/app'],
    ['public/app', 'team/app'],
    ['public/app', 'team/app'],
    'denied',
    'must log in',
  ),
  tags: row('must log in', 'done', 'done', 'done', 'done', 'must log in'),
  referrers: row('must log in', 'done', 'done', 'done', 'done', 'must log in'),
}

/** What a client has no command for. */
const MISSING: Readonly<Record<ClientName, readonly Operation[]>> = {
  docker: ['delete', 'catalog', 'referrers'],
  skopeo: ['catalog', 'referrers'],
  podman: ['delete', 'referrers'],
  'curl Basic': [],
  'curl Bearer': [],
}

describeWith(
  { programs: [...DOCKER_PROGRAMS, 'skopeo', 'podman', 'curl', 'tar', 'runc', 'conmon'], root: true },
  'who may do what',
  () => {
    const resources = new AsyncDisposableStack()
    const clients = new Map<ClientName, MatrixClient>()

    beforeAll(async () => {
      const lab = resources.use(await AccessLab.start())
      const daemon = resources.use(await DockerDaemon.start(lab.registry.folder))
      clients.set('docker', new DockerClient(lab, daemon))
      clients.set('skopeo', await SkopeoClient.create(lab))
      clients.set('podman', await PodmanClient.create(lab))
      clients.set('curl Basic', new CurlClient(lab, 'Basic'))
      clients.set('curl Bearer', new CurlClient(lab, 'Bearer'))
    })
    afterAll(async () => await resources.disposeAsync())

    describe.each(CLIENTS)('with %s', (name) => {
      const offered = OPERATIONS.filter((operation) => !MISSING[name].includes(operation))
      const cells = CALLERS.flatMap((caller) =>
        offered.map((operation) => ({ caller, operation, expected: EXPECTED[operation][caller] })),
      )

      // What Berth answers does not depend on the client: curl asks for every cell in each run, the large programs for a third of theirs.
      const tried = name.startsWith('curl') ? cells : someOf(`cells of ${name}`, cells, Math.ceil(cells.length / 3))
      test.each(tried)('$caller: $operation is $expected', async ({ caller, operation, expected }) => {
        const result = await clients.get(name)?.can[operation]?.(caller)

        expect(typeof expected === 'string' ? result : withoutOwn(result)).toEqual(expected)
      })

      test('every operation is a cell, or one that the client has no command for', () => {
        expect(Object.keys(clients.get(name)?.can ?? {}).sort()).toEqual([...offered].sort())
        expect(offered.length + MISSING[name].length).toBe(OPERATIONS.length)
      })
    })
  },
)

function row(...results: readonly [Result, Result, Result, Result, Result, Result]): Record<CallerName, Result> {
  const [anonymous, reader, writer, deleter, robot, expired] = results
  return { anonymous, reader, writer, deleter, robot, 'expired robot': expired }
}

/** The repositories that the other cells make are all of `team`, and stand beside `team/app`. */
function withoutOwn(result: Result | undefined): Result | undefined {
  if (result === undefined || typeof result === 'string') return result
  return result.filter((name) => !/^team\/(push|mount|delete)-/.test(name)).sort()
}
