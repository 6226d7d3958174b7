import { expect, test } from 'bun:test'
import { digestOf } from '../../../oci/digest.ts'
import { parseRepositoryName } from '../../../oci/name.ts'
import { UpstreamFailure } from '../../../upstream/upstream-failure.ts'
import { OnlyHere } from './only-here.ts'
import { Staying } from './staying.ts'

const REPOSITORY = parseRepositoryName('hub/app')
const DIGEST = digestOf('sha256', new TextEncoder().encode('one'))
const HOUR_MS = 60 * 60_000

function create(answer: 'has it' | 'has it not' | 'fails') {
  const state = { answer, asked: 0, nowMs: 1 }
  const findTag = async () => {
    state.asked += 1
    if (state.answer === 'fails') throw new UpstreamFailure('UNAVAILABLE', { message: 'It fails.' })
    return state.answer === 'has it' ? { digest: DIGEST } : undefined
  }
  const staying = new Staying(() => state.nowMs)
  const onlyHere = new OnlyHere({ upstream: { findTag }, signal: new AbortController().signal, staying })
  return { state, onlyHere, staying }
}

test('an image that the other registry has is not only here', async () => {
  const { onlyHere, staying } = create('has it')

  expect(await onlyHere.mayBe(REPOSITORY, DIGEST)).toBe(false)
  expect(staying.has(REPOSITORY, DIGEST)).toBe(false)
})

test('one that it does not have is only here, and it is asked again a day later', async () => {
  const { onlyHere, state } = create('has it not')

  expect(await onlyHere.mayBe(REPOSITORY, DIGEST)).toBe(true)
  state.answer = 'has it'
  state.nowMs += 23 * HOUR_MS
  expect(await onlyHere.mayBe(REPOSITORY, DIGEST)).toBe(true)
  expect(state.asked).toBe(1)
  state.nowMs += 2 * HOUR_MS

  expect(await onlyHere.mayBe(REPOSITORY, DIGEST)).toBe(false)
})

test('where the other registry fails, all may be only here until it answers again', async () => {
  const { onlyHere, state, staying } = create('fails')

  expect(await onlyHere.mayBe(REPOSITORY, DIGEST)).toBe(true)
  state.answer = 'has it'
  state.nowMs += 59_000
  expect(staying.has(REPOSITORY, DIGEST)).toBe(true)
  state.nowMs += 2_000

  expect(await onlyHere.mayBe(REPOSITORY, DIGEST)).toBe(false)
})
