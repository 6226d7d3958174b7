import { describe, expect, test } from 'bun:test'
import { RegistryError } from '../../oci/errors.ts'
import { parseRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { RepositoryGlob } from '../../oci/repository-glob.ts'
import { MirrorNames, nameThere } from './mirror-names.ts'

const HUB = { prefix: name('docker.io'), urls: ['https://near.example.com', 'https://registry-1.docker.io'], isDefault: true }
const QUAY = { prefix: name('other/quay'), urls: ['https://quay.io'], isDefault: false }
const LOCAL = { prefix: name('local'), urls: ['http://localhost:5001'], isDefault: false }
const names = new MirrorNames([
  { ...HUB, repositories: [] },
  { ...QUAY, repositories: [glob('prometheus/**')] },
  { ...LOCAL, repositories: [] },
])

function name(text: string): RepositoryName {
  return parseRepositoryName(text)
}

function glob(text: string): RepositoryGlob {
  const found = RepositoryGlob.find(text)
  if (found === undefined) throw new Error(`${text} is no pattern`)
  return found
}

describe('the names of mirrors', () => {
  test.each([
    ['docker.io/library/alpine', 'docker.io', true],
    ['docker.io', 'docker.io', false],
    ['docker.io.example/app', undefined, false],
    ['docker/io', undefined, false],
    ['other/quay/prometheus/node', 'other/quay', true],
    ['other/quay/coreos/etcd', 'other/quay', false],
    ['other', undefined, false],
    ['other/app', undefined, false],
  ])('%s belongs to %p, and is fetched: %p', (repository, prefix, isFetched) => {
    expect(names.ownerOf(name(repository))?.prefix).toBe(prefix as RepositoryName)
    expect(names.find(name(repository)) !== undefined).toBe(isFetched)
  })

  test.each([
    ['docker.io/alpine', 'docker.io/library/alpine'],
    ['docker.io/library/alpine', 'docker.io/library/alpine'],
    ['docker.io/team/app', 'docker.io/team/app'],
    ['docker.io', 'docker.io'],
    ['other/quay/app', 'other/quay/app'],
    ['alpine', 'alpine'],
  ])('%s is kept as %s', (repository, kept) => {
    expect(names.complete(name(repository))).toBe(name(kept))
  })

  test.each([
    ['docker.io', 'alpine', 'docker.io/library/alpine'],
    ['registry-1.docker.io', 'alpine', 'docker.io/library/alpine'],
    ['index.docker.io', 'team/app', 'docker.io/team/app'],
    ['near.example.com', 'team/app', 'docker.io/team/app'],
    ['quay.io', 'coreos/etcd', 'other/quay/coreos/etcd'],
    ['other/quay', 'app', 'other/quay/app'],
    ['localhost:5001', 'app', 'local/app'],
    ['localhost', 'app', undefined],
    ['ghcr.io', 'app', undefined],
    ['', 'app', undefined],
  ])('with ns=%s %s is %p', (namespace, repository, kept) => {
    expect(names.inNamespace(namespace, name(repository))).toBe(kept as RepositoryName)
  })

  test.each([
    ['alpine', 'docker.io/library/alpine'],
    ['team/app', 'docker.io/team/app'],
    ['docker.io/team/app', undefined],
    ['other/quay/prometheus/node', undefined],
    ['local', undefined],
  ])('%s may be %p in the default mirror', (repository, kept) => {
    expect(names.inDefault(name(repository))).toBe(kept as RepositoryName)
  })

  test('a default mirror has the repositories that are fetched, and no other ones', () => {
    const few = new MirrorNames([{ ...HUB, repositories: [glob('library/*')] }])

    expect(few.inDefault(name('alpine'))).toBe(name('docker.io/library/alpine'))
    expect(few.inDefault(name('team/app'))).toBeUndefined()
    expect(new MirrorNames([{ ...QUAY, repositories: [] }]).inDefault(name('app'))).toBeUndefined()
  })

  test('a name that would be too long is none', () => {
    const longest = name(`team/${'a'.repeat(250)}`)
    const atTheEdge = name(`docker.io/${'a'.repeat(240)}`)

    expect(() => names.inNamespace('docker.io', longest)).toThrow(RegistryError)
    expect(names.inDefault(longest)).toBeUndefined()
    expect(names.complete(atTheEdge)).toBe(atTheEdge)
  })

  test('there the prefix is left out', () => {
    expect(nameThere(QUAY, name('other/quay/prometheus/node'))).toBe(name('prometheus/node'))
    expect(nameThere(QUAY, QUAY.prefix)).toBeUndefined()
  })
})
