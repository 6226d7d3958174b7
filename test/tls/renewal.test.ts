import { describe, expect, test } from 'bun:test'
import { copyFile, readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureCertificate } from '../../src/certificates/certificate-folder.ts'
import { factsOf } from '../../src/certificates/server-certificate.ts'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { clientOf, makeCertificates } from '../support/certificates.ts'
import { processCounts } from '../support/effort.ts'
import { contentOf, fixedBytes } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { traffic } from '../support/tls-traffic.ts'

const TEST_MS = 180_000
const RENEWAL_MS = 120_000
const HOSTS = ['localhost', '127.0.0.1']

describe.each(processCounts('certificates that change'))('certificates that change while %d process(es) serve', (processes) => {
  test(
    'are shown within seconds, and no request that had begun fails, however long it takes',
    async () => {
      using folder = new TemporaryFolder()
      const paths = await makeCertificates(folder)
      await using berth = await startBerth({ folder, tls: { certificate: paths.certificate, key: paths.key }, processes })
      const blob = contentOf('application/octet-stream', fixedBytes(24 * 1024 * 1024))
      const ca = await readFile(paths.authority, 'utf8')
      const slow = await startSlowPush(berth, ca, blob)
      const stop = new AbortController()
      const clients = [traffic(berth.port, 'new connections', stop.signal), traffic(berth.port, 'kept connections', stop.signal)]

      for (let round = 0; round < 3; round += 1) {
        await ensureCertificate({ folder: folder.join('certs'), hosts: HOSTS, always: true })
        await shows(berth, processes, await fingerprintIn(paths.certificate))
      }
      slow.sendRest()
      const pushed = await slow.answer
      const pulled = await berth.fetch(`/v2/slow/blobs/${blob.digest}`, paths.authority)
      stop.abort()
      const outcomes = await Promise.all(clients)

      expect(pushed.status).toBe(201)
      expect(new Bun.CryptoHasher('sha256').update(await pulled.bytes()).digest('hex')).toBe(blob.digest.slice('sha256:'.length))
      expect(outcomes.map(({ failed }) => failed)).toEqual([[], []])
      for (const { answered } of outcomes) expect(answered).toBeGreaterThan(50)
      // Connections that waited to be accepted: at each change in each process one of each client at most.
      expect(outcomes.reduce((sum, { lostConnections }) => sum + lostConnections, 0)).toBeLessThanOrEqual(3 * processes * 12)
    },
    TEST_MS,
  )
})

/** Each waits for the looks at its files. */
describe.concurrent('a certificate that changes', () => {
  test(
    'by a symbolic link of a folder, as Kubernetes does it, is noticed',
    async () => {
      using folder = new TemporaryFolder()
      await makeCertificates(folder, 'first')
      const second = await makeCertificates(folder, 'second')
      await symlink('first', folder.join('current'))
      const tls = { certificate: folder.join('current/registry.crt'), key: folder.join('current/registry.key') }
      await using berth = await startBerth({ folder, processes: 1, tls })

      await symlink('second', folder.join('next'))
      await rename(folder.join('next'), folder.join('current'))

      await shows(berth, 1, await fingerprintIn(second.certificate))
    },
    TEST_MS,
  )

  test(
    'without its key waits for the key, and the old one serves meanwhile',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key } = await makeCertificates(folder)
      const others = await makeCertificates(folder, 'others')
      await using berth = await startBerth({ folder, processes: 1, tls: { certificate, key } })
      const before = await berth.shownFingerprint()

      await copyFile(others.certificate, certificate)
      await berth.program.waitForOutput(
        /certificate files have changed and cannot be used, the old certificate stays/,
        RENEWAL_MS,
      )
      const between = await berth.shownFingerprint()
      await copyFile(others.key, key)

      expect(between).toBe(before)
      await shows(berth, 1, await fingerprintIn(others.certificate))
    },
    TEST_MS,
  )

  test(
    'to something unreadable, or goes away, is told once and the old one serves on',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      await using berth = await startBerth({ folder, processes: 1, tls: { certificate, key } })

      await writeFile(certificate, 'no certificate')
      await berth.program.waitForOutput(/reason="\S+ holds no certificate in PEM form\."/, RENEWAL_MS)
      await unlink(certificate)
      await berth.program.waitForOutput(/reason="\S+ cannot be read: there is no such file/, RENEWAL_MS)

      expect((await berth.fetch('/v2/', authority)).status).toBe(200)
      expect(berth.program.output.match(/cannot be used, the old certificate stays/g)).toHaveLength(2)
    },
    TEST_MS,
  )

  test(
    'takes the authorities of clients along',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      const others = await makeCertificates(folder, 'others')
      const tls = { certificate, key, clientcas: [await folder.file('clients.pem', await readFile(authority))] }
      await using berth = await startBerth({ folder, processes: 1, tls })
      const asOther = await clientOf(others)
      const ask = async () =>
        await berth.fetch('/v2/', authority, { tls: asOther, keepalive: false }).then(
          ({ status }) => status,
          () => 'refused',
        )

      const before = await ask()
      await copyFile(others.authority, folder.join('clients.pem'))
      await berth.program.waitForOutput(/msg="certificate renewed"/, RENEWAL_MS)

      expect(before).toBe('refused')
      expect(await ask()).toBe(200)
    },
    TEST_MS,
  )
})

describeWith({ programs: ['unshare', 'busybox'], root: true }, 'where the kernel may move connections', () => {
  test.each([
    ['files', 'new connections'],
    ['files', 'kept connections'],
    ['streams', 'new connections'],
    ['streams', 'kept connections'],
  ])(
    'the server for %s loses nothing on %s, not even one that waits to be accepted',
    async (server, load) => {
      using folder = new TemporaryFolder()
      const script = 'busybox ip link set lo up && echo 1 > /proc/sys/net/ipv4/tcp_migrate_req && exec "$@"'
      const swaps = join(import.meta.dir, '../support/tls-swaps.ts')
      const program = Bun.spawn(['unshare', '--net', 'sh', '-c', script, 'sh', process.execPath, swaps, server, load], {
        stdout: 'pipe',
        stderr: 'inherit',
        cwd: folder.path,
      })

      const printed = JSON.parse(await program.stdout.text()) as { answered: number; failed: string[]; lostConnections: number }

      expect(printed).toMatchObject({ failed: [], lostConnections: 0 })
      expect(printed.answered).toBeGreaterThan(20)
    },
    TEST_MS,
  )
})

/** Waits until every new connection is shown it; several processes take turns by chance. */
async function shows(berth: BerthProcess, processes: number, fingerprint: string): Promise<void> {
  await poll(`the certificate ${fingerprint} is shown`, RENEWAL_MS, async () => {
    const shown = await Promise.all(Array.from({ length: processes * 6 }, () => berth.shownFingerprint().catch(() => 'lost')))
    return shown.every((one) => one === fingerprint || one === 'lost') ? true : undefined
  })
}

async function fingerprintIn(path: string): Promise<string> {
  return factsOf(await readFile(path, 'utf8')).fingerprint
}

/** A push whose first half has been sent; the rest follows when told. */
async function startSlowPush(berth: BerthProcess, ca: string, blob: { readonly digest: string; readonly bytes: Uint8Array }) {
  const tls = { ca }
  const started = await fetch(`${berth.url}/v2/slow/blobs/uploads/`, { method: 'POST', tls })
  const rest = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(blob.bytes.subarray(0, blob.bytes.length / 2))
      await rest.promise
      controller.enqueue(blob.bytes.subarray(blob.bytes.length / 2))
      controller.close()
    },
  })
  const location = `${berth.url}${started.headers.get('location')}`
  const answer = fetch(`${location}?digest=${blob.digest}`, { method: 'PUT', body, tls })
  return { answer, sendRest: rest.resolve }
}
