import { expect, test } from 'bun:test'
import { StorageGate } from './storage-gate.ts'

test('a request that has found nothing looks at the storage, where nothing tells at once that it is the same', async () => {
  const { gate, place } = openGate()

  await gate.requireNow()
  place.sign = undefined
  const refused = gate.requireNow()

  await expect(refused).rejects.toThrow('The storage of the registry is not there')
  expect(place.looks).toBe(2)
})

test('a request that has found nothing looks at the storage once it may be another one', async () => {
  const { gate, place } = openGate({ isUnchanged: () => place.sign === 'ours' })

  await gate.requireNow()
  const looksBefore = place.looks
  place.sign = 'theirs'
  const refused = gate.requireNow()

  await expect(refused).rejects.toThrow('The storage of the registry is not there')
  expect([looksBefore, place.looks]).toEqual([0, 1])
})

test('a gate that is closed opens by a look alone', async () => {
  const { gate, place } = openGate({ isUnchanged: () => place.isSaidUnchanged })
  place.sign = undefined
  await gate.look()
  place.isSaidUnchanged = true

  await expect(gate.requireNow()).rejects.toThrow('The storage of the registry is not there')
  place.sign = 'ours'
  await gate.requireNow()

  expect(place.looks).toBe(3)
})

interface Place {
  sign: string | undefined
  isSaidUnchanged: boolean
  looks: number
}

function openGate(options: { readonly isUnchanged?: () => boolean } = {}): { readonly gate: StorageGate; readonly place: Place } {
  const place: Place = { sign: 'ours', isSaidUnchanged: false, looks: 0 }
  const findSign = async () => {
    place.looks += 1
    return place.sign
  }
  const nothing = () => undefined
  const rules = { findSign, sign: 'ours', store: 'ours', onGone: nothing, onBack: nothing }
  return { gate: new StorageGate({ ...rules, ...options }), place }
}
