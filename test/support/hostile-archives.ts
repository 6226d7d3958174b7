import { makeImage } from './images.ts'
import { dockerEntries, layoutEntries, type MadeEntry, madeTar } from './made-tar.ts'

export interface HostileArchive {
  readonly what: string
  readonly bytes: Uint8Array
  /** What a person is told. */
  readonly says: RegExp
}

const IMAGE = makeImage('hostile')
const LAYER = madeTar([{ path: 'a', bytes: 'content' }])
const layout = layoutEntries(IMAGE)
const docker = dockerEntries([LAYER])
const layer = `blobs/sha256/${IMAGE.layers[0]?.digest.slice(7)}`
const manifest = `blobs/sha256/${IMAGE.manifest.digest.slice(7)}`
const link = (path: string, target: string) => ({ path, target, kind: 'symbolic link' }) as const
const cutBy = (bytes: Uint8Array, count: number) => bytes.subarray(0, bytes.length - count)
const changed = (entries: readonly MadeEntry[], path: string, bytes: Uint8Array | string) =>
  entries.map((entry) => (entry.path === path ? { ...entry, bytes } : entry))
const without = (entries: readonly MadeEntry[], path: string) => entries.filter((entry) => entry.path !== path)
const manifestOf = (value: unknown) => changed(docker, 'manifest.json', JSON.stringify(value))
const ENTRY = { Config: 'config.json', RepoTags: null, Layers: ['layer0/layer.tar'] }

/** Archives that are cut, damaged, made to do harm, or none. No tag may come of any of them. */
export const HOSTILE_ARCHIVES: readonly HostileArchive[] = [
  { what: 'nothing at all', bytes: new Uint8Array(0), says: /is no archive of images/ },
  { what: 'a text', bytes: Buffer.from('hello world\n'.repeat(100)), says: /is no archive of images/ },
  { what: 'zeros', bytes: new Uint8Array(10_240), says: /holds no image/ },
  { what: 'an archive of something else', bytes: madeTar([{ path: 'README', bytes: 'hi' }]), says: /holds no image/ },
  {
    what: 'an archive compressed with xz',
    bytes: Buffer.from('fd377a585a0000', 'hex'),
    says: /compressed with xz; unpack it first/,
  },
  { what: 'gzip that is cut', bytes: cutBy(Bun.gzipSync(madeTar(layout)), 200), says: /cannot be read whole/ },
  { what: 'a layout that is cut in a layer', bytes: madeTar(layout).subarray(0, 3_000), says: /was cut/ },
  { what: 'a layout without its end', bytes: cutBy(madeTar(layout), 1024), says: /was cut/ },
  { what: 'a layout with a damaged header', bytes: madeTar(layout).fill(7, 1_100, 1_110), says: /is damaged: at byte/ },
  { what: 'a layout without a layer', bytes: madeTar(without(layout, layer)), says: /is not whole: it does not have the blob/ },
  {
    what: 'a layout whose layer has other bytes',
    bytes: madeTar(changed(layout, layer, Buffer.alloc(IMAGE.layers[0]?.bytes.length ?? 0))),
    says: /is damaged/,
  },
  {
    what: 'a layout whose layer is longer',
    bytes: madeTar(changed(layout, layer, 'x'.repeat(1_000))),
    says: /is damaged: the blob .* has 1000 bytes/,
  },
  {
    what: 'a layout whose manifest has other bytes',
    bytes: madeTar(changed(layout, manifest, '{"schemaVersion":2}')),
    says: /other bytes than its name says/,
  },
  {
    what: 'a layout without its manifest',
    bytes: madeTar(without(layout, manifest)),
    says: /is not whole: it does not have sha256:\w+, which its index\.json names/,
  },
  { what: 'an index.json that is none', bytes: madeTar(changed(layout, 'index.json', '[]')), says: /not a JSON object/ },
  {
    what: 'an index.json with a path for a digest',
    bytes: madeTar(
      changed(layout, 'index.json', '{"schemaVersion":2,"manifests":[{"digest":"sha256:../../../../etc/passwd","size":1}]}'),
    ),
    says: /not a sha256 or sha512 digest/,
  },
  {
    what: 'an index.json of a million values',
    bytes: madeTar(changed(layout, 'index.json', `{"schemaVersion":2,"manifests":[${'1,'.repeat(1_000_000)}1]}`)),
    says: /more than/,
  },
  { what: 'an index.json of 5 MB', bytes: madeTar(changed(layout, 'index.json', ' '.repeat(5_000_000))), says: /5000000 bytes/ },
  {
    what: 'an index.json of a hundred thousand levels',
    bytes: madeTar(changed(layout, 'index.json', '['.repeat(100_000))),
    says: /more than/,
  },
  {
    what: 'a path that leads out',
    bytes: madeTar([...layout, { path: '../../etc/cron.d/x', bytes: '* * * * *' }]),
    says: /leads out of it/,
  },
  { what: 'an absolute path', bytes: madeTar([...layout, { path: '/etc/passwd', bytes: 'x' }]), says: /leads out of it/ },
  {
    what: 'a link that leads out',
    bytes: madeTar([...without(layout, layer), link(layer, '../../../../etc/passwd')]),
    says: /leads out of it/,
  },
  { what: 'an absolute link', bytes: madeTar([...without(layout, layer), link(layer, '/etc/passwd')]), says: /leads out of it/ },
  {
    what: 'a file that is there twice',
    bytes: madeTar([...layout, { path: 'index.json', bytes: '{}' }]),
    says: /has "index.json" twice/,
  },
  { what: 'a manifest.json that is no list', bytes: madeTar(manifestOf({})), says: /is no list of images/ },
  { what: 'a manifest.json of nothing', bytes: madeTar(manifestOf([])), says: /holds no image/ },
  { what: 'a manifest.json without a config', bytes: madeTar(manifestOf([{ Layers: [] }])), says: /without a config/ },
  {
    what: 'a config that is a file of this machine',
    bytes: madeTar(manifestOf([{ ...ENTRY, Config: '../../../etc/hostname' }])),
    says: /does not have "\.\.\/\.\.\/\.\.\/etc\/hostname"/,
  },
  {
    what: 'a layer that is a file of this machine',
    bytes: madeTar(manifestOf([{ ...ENTRY, Layers: ['/etc/passwd'] }])),
    says: /does not have "\/etc\/passwd"/,
  },
  {
    what: 'more layers than its config knows',
    bytes: madeTar(manifestOf([{ ...ENTRY, Layers: ['layer0/layer.tar', 'layer0/layer.tar'] }])),
    says: /its config knows 1 layers, and it has 2/,
  },
  {
    what: 'two thousand layers',
    bytes: madeTar(manifestOf([{ ...ENTRY, Layers: Array(2_000).fill('layer0/layer.tar') }])),
    says: /an image of 2000 layers/,
  },
  {
    what: "Docker's archive with another layer",
    bytes: madeTar(changed(docker, 'layer0/layer.tar', madeTar([{ path: 'b' }]))),
    says: /is damaged: a layer has other bytes/,
  },
  {
    what: "Docker's archive with a layer that cannot be unpacked",
    bytes: madeTar(changed(docker, 'layer0/layer.tar', cutBy(Bun.gzipSync(LAYER), 12))),
    says: /is damaged: a layer cannot be unpacked/,
  },
  {
    what: "Docker's archive with a config that is none",
    bytes: madeTar(changed(docker, 'config.json', '{')),
    says: /config .* is not JSON/,
  },
  { what: 'a bomb: half a gigabyte of zeros in half a megabyte', bytes: bomb(), says: /unpacks to more than 100 times its size/ },
  {
    what: "Docker's archive with a bomb for a layer",
    bytes: madeTar(changed(docker, 'layer0/layer.tar', bomb())),
    says: /a layer in .* unpacks to more than/,
  },
  { what: 'a size of more than there is', bytes: withSize(madeTar(layout), '77777777777'), says: /was cut/ },
  { what: 'a size that is no number', bytes: withSize(madeTar(layout), '7777777777x'), says: /is no archive of images/ },
]

/** Members of gzip that follow each other are one file. */
function bomb(): Uint8Array {
  const member = Bun.gzipSync(new Uint8Array(64 * 1024 * 1024), { level: 9 })
  return Buffer.concat(Array(8).fill(member))
}

/** Of the first entry, with a sum that fits. */
function withSize(bytes: Buffer, digits: string): Uint8Array {
  bytes.write(digits, 124)
  bytes.fill(' ', 148, 156)
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return bytes
}
