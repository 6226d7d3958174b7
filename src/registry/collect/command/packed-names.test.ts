import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { Digest } from '../../../oci/digest.ts'
import { type PackedName, PackedNames } from './packed-names.ts'

const COUNT = 20_000
const REPOSITORIES = 3

function digest(number: number, algorithm = number % 100 === 0 ? 'sha512' : 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(`${number}`).digest('hex')}` as Digest
}

function pack(): PackedNames {
  const names = new PackedNames()
  for (let round = 0; round < 2; round += 1)
    for (let number = 0; number < COUNT; number += 1) names.add(number % REPOSITORIES, digest(number))
  return names
}

const keyOf = ({ repositoryId, digest }: PackedName) => `${repositoryId} ${digest}`

test('names that are packed are told from all others, each once, also those of another repository', () => {
  const names = pack()

  expect(names.length).toBe(COUNT)
  const wrong: number[] = []
  for (let number = 0; number < COUNT; number += 1) {
    const isRight = names.has(number % REPOSITORIES, digest(number)) && !names.has((number + 1) % REPOSITORIES, digest(number))
    if (!isRight || names.has(number % REPOSITORIES, digest(COUNT + number))) wrong.push(number)
  }
  expect(wrong).toEqual([])
})

test('names come out as they went in, in that order but for the few that are not packed', () => {
  const added = Array.from({ length: COUNT }, (_, number) => ({ repositoryId: number % REPOSITORIES, digest: digest(number) }))
  const isPacked = (name: PackedName) => name.digest.startsWith('sha256:')

  expect([...pack()].map(keyOf)).toEqual([...added.filter(isPacked), ...added.filter((name) => !isPacked(name))].map(keyOf))
})

test('sorted, they come by digest', () => {
  const sorted = [...pack().sorted()].map(({ digest }) => digest)

  expect(sorted).toEqual([...sorted].sort())
  expect(sorted).toHaveLength(COUNT)
})

test('sorted, those with the same first bytes come by the bytes after', () => {
  const ends = ['9', '1', 'f', '0', '5'].map((end) => `sha256:${'a'.repeat(63)}${end}` as Digest)
  const names = new PackedNames()
  for (const digest of ends) names.add(1, digest)

  expect([...names.sorted()].map(({ digest }) => digest)).toEqual([...ends].sort())
})
