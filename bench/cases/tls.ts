import { join } from 'node:path'
import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { LargeBlobs } from '../large-blobs.ts'
import type { RegistryUnderLoad } from '../registry.ts'

const GIB = 1024 ** 3
const GETS = 4

/** GET over TLS. The client is curl, which has to decrypt what it drops: its CPU stands beside the server's. */
export function blobGetOverTls(blobBytes: number): Bench {
  const paths = new Map<RegistryUnderLoad, string>()
  return {
    name: 'tls',
    title: `GET of a blob of ${blobBytes / GIB} GiB over TLS 1.3`,
    figures: [1, 8].flatMap(figuresFor),
    security: async (lab) => ({ tls: await makeCertificate(lab) }),
    prepare: async (registry, lab) => {
      const blob = (await LargeBlobs.make(lab.folder, blobBytes)).next()
      paths.set(registry, `/v2/bench/tls/blobs/${blob.digest}`)
      await pushOverTls(registry, lab, blob)
    },
    sample: async (registry) => ({
      ...(await sampleOn(registry, paths.get(registry) ?? '', { bytes: blobBytes, connections: 1 })),
      ...(await sampleOn(registry, paths.get(registry) ?? '', { bytes: blobBytes, connections: 8 })),
    }),
  }
}

async function sampleOn(
  registry: RegistryUnderLoad,
  path: string,
  { bytes, connections }: { readonly bytes: number; readonly connections: number },
): Promise<Sample> {
  const times = Math.max(1, GETS / connections)
  const urls = Array.from({ length: times }, () => ['--output', '/dev/null', registry.url + path]).flat()
  const before = registry.cpuSeconds()
  const startedAt = performance.now()
  const clients = Array.from({ length: connections }, () => curl([...urls]))
  const used = await Promise.all(clients)
  const seconds = (performance.now() - startedAt) / 1000
  const gigabytes = (bytes * times * connections) / 1e9
  return {
    [`rate-${connections}`]: gigabytes / seconds,
    [`cpu-${connections}`]: (registry.cpuSeconds() - before) / gigabytes,
    [`load-${connections}`]: used.reduce((sum, value) => sum + value, 0) / gigabytes,
  }
}

async function pushOverTls(registry: RegistryUnderLoad, lab: Lab, blob: ReturnType<LargeBlobs['next']>): Promise<void> {
  const whole = join(lab.folder, 'whole')
  const start = new Uint8Array(await Bun.file(blob.file).arrayBuffer())
  await Bun.write(whole, new Blob([start, Buffer.from(blob.end, 'base64')]))
  const opened = await fetch(`${registry.url}/v2/bench/tls/blobs/uploads/`, {
    method: 'POST',
    tls: { rejectUnauthorized: false },
  })
  const location = new URL(opened.headers.get('location') ?? '', registry.url)
  location.searchParams.set('digest', blob.digest)
  await curl(['--upload-file', whole, '--output', '/dev/null', location.href])
}

/** Resolves with the seconds of CPU that it took. */
async function curl(words: readonly string[]): Promise<number> {
  const child = Bun.spawn(['curl', '--silent', '--show-error', '--fail', '--insecure', ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: process.env.PATH ?? '' },
  })
  if ((await child.exited) !== 0) throw new Error(`curl ended with ${child.exitCode}`)
  return Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6
}

async function makeCertificate({ folder }: Lab) {
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'.split(' ')
  const child = Bun.spawn(['openssl', ...words, '-keyout', key, '-out', certificate], { stdio: ['ignore', 'ignore', 'ignore'] })
  if ((await child.exited) !== 0) throw new Error('openssl made no certificate')
  return { certificate, key }
}

function figuresFor(connections: number): Figure[] {
  const on = connections === 1 ? '1 connection' : `${connections} connections`
  return [
    { key: `rate-${connections}`, title: on, unit: 'GB/s', better: 'more', ratio: 1 },
    { key: `cpu-${connections}`, title: `${on}: CPU`, unit: 's/GB', better: 'less', ratio: 0.8 },
    { key: `load-${connections}`, title: `${on}: CPU of the generator`, unit: 's/GB', better: 'less' },
  ]
}
