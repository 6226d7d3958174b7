import { expect, test } from 'bun:test'
import { CredentialMemory } from './credential-memory.ts'

function memoryAt() {
  const clock = { ms: 0 }
  const memory = new CredentialMemory<number>(() => clock.ms)
  return { clock, memory, name: (credential: string) => memory.nameOf(credential) }
}

test('a credential is remembered until five minutes after its last use', () => {
  const { clock, memory, name } = memoryAt()
  memory.remember(name('a'), 1)

  for (let minutes = 0; minutes < 60; minutes += 4) {
    clock.ms += 4 * 60_000
    expect(memory.find(name('a'))).toBe(1)
  }
  clock.ms += 5 * 60_000
  expect(memory.find(name('a'))).toBeUndefined()
})

test('each process and each credential has a name of its own, which is not the credential', () => {
  const [one, other] = [memoryAt(), memoryAt()]

  expect(one.name('secret')).toBe(one.name('secret'))
  expect(one.name('secret')).not.toBe(one.name('secret '))
  expect(one.name('secret')).not.toBe(other.name('secret'))
  expect(one.name('secret')).not.toContain('secret')
})

test('of more than eight megabytes the one that was used longest ago is forgotten', () => {
  const { clock, memory } = memoryAt()
  const size = 1024 * 1024 - 640
  for (let index = 0; index < 8; index++) memory.remember(`${index}`, index, size)
  clock.ms += 60_000
  expect(memory.find('0')).toBe(0)

  memory.remember('one more', 1, size)

  expect([memory.find('0'), memory.find('1'), memory.find('one more')]).toEqual([0, undefined, 1])
  expect(memory.bytes).toBe(8 * 1024 * 1024)
})

test('a size is counted once for a name, and given back with it', () => {
  const { memory } = memoryAt()

  memory.remember('a', 1, 1000)
  memory.remember('a', 2, 10)
  memory.remember('b', 3)

  expect(memory.bytes).toBe(640 + 10 + 640)
  memory.forget('a')
  memory.forget('b')
  memory.forget('b')
  expect(memory.bytes).toBe(0)
})

test('what is not used any more is forgotten without being asked for', () => {
  const { clock, memory } = memoryAt()
  memory.remember('a', 1)
  clock.ms += 4 * 60_000
  memory.remember('b', 2)
  clock.ms += 60_000

  memory.sweep()

  expect(memory.bytes).toBe(640)
  expect(memory.find('b')).toBe(2)
})
