import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Together } from './together.ts'

const LONG_MS = 60_000

/** Questions that are answered when a test says so: each key by what the world was then. */
class World {
  readonly questions: {
    readonly keys: readonly string[]
    readonly sentAt: number
    answer: () => void
    fail: (error: Error) => void
  }[] = []
  /** Grows with each change. */
  time = 0
  readonly #second = Promise.withResolvers<void>()
  readonly asker: Together<Seen>

  constructor({ most = 64, patienceMs = LONG_MS }: { readonly most?: number; readonly patienceMs?: number } = {}) {
    this.asker = new Together((keys) => this.#askAll(keys), { most, patienceMs })
  }

  /** Resolves when a second question has been sent. */
  get second(): Promise<void> {
    return this.#second.promise
  }

  get keys(): readonly (readonly string[])[] {
    return this.questions.map(({ keys }) => keys)
  }

  #askAll(keys: readonly string[]): Promise<readonly Seen[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Seen[]>()
    const sentAt = this.time
    this.questions.push({ keys, sentAt, answer: () => resolve(keys.map((key) => ({ key, time: sentAt }))), fail: reject })
    if (this.questions.length === 2) this.#second.resolve()
    return promise
  }
}

interface Seen {
  readonly key: string
  /** When its question was sent: the oldest that the answer can be. */
  readonly time: number
}

test('a caller that comes alone is asked for at once', async () => {
  const world = new World()

  const answer = world.asker.ask('a')

  expect(world.keys).toEqual([['a']])
  world.questions[0]?.answer()
  expect(await answer).toEqual({ key: 'a', time: 0 })
})

test('callers that come while a question is under way are asked for together in the next one', async () => {
  const world = new World()

  const answers = ['a', 'b', 'c', 'b'].map((key) => world.asker.ask(key))
  expect(world.keys).toEqual([['a']])
  world.questions[0]?.answer()
  await answers[0]

  expect(world.keys).toEqual([['a'], ['b', 'c']])
  world.questions[1]?.answer()
  expect((await Promise.all(answers)).map((seen) => seen?.key)).toEqual(['a', 'b', 'c', 'b'])
})

test('a question that is under way answers no caller that came after it was sent, of the same key either', async () => {
  const world = new World()

  const before = world.asker.ask('a')
  world.time = 1
  const after = world.asker.ask('a')
  world.questions[0]?.answer()

  expect(await before).toEqual({ key: 'a', time: 0 })
  world.questions[1]?.answer()
  expect(await after).toEqual({ key: 'a', time: 1 })
})

test('an error of a question is told to each of its callers, and the next question is asked', async () => {
  const world = new World()

  const first = world.asker.ask('a')
  const second = Promise.allSettled([world.asker.ask('b'), world.asker.ask('c')])
  world.questions[0]?.fail(new Error('one'))
  await expect(first).rejects.toThrow('one')
  const third = world.asker.ask('d')
  world.questions[1]?.fail(new Error('two'))

  const rejected = { status: 'rejected', reason: new Error('two') } as const
  expect(await second).toEqual([rejected, rejected])
  expect(world.keys).toEqual([['a'], ['b', 'c'], ['d']])
  world.questions[2]?.answer()
  expect(await third).toMatchObject({ key: 'd' })
})

test('a question has so many keys at most: a full one is asked beside the one under way', async () => {
  const world = new World({ most: 2 })

  const answers = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => world.asker.ask(key))

  world.questions[0]?.answer()
  await answers[0]
  expect(world.keys).toEqual([['a'], ['b', 'c'], ['d', 'e']])
  world.questions[2]?.answer()
  await answers[4]
  expect(world.keys[3]).toEqual(['f'])
  for (const question of world.questions) question.answer()
  expect((await Promise.all(answers)).map((seen) => seen?.key)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
})

test('a question that is not answered in time keeps nothing waiting', async () => {
  const world = new World({ patienceMs: 5 })

  void world.asker.ask('stuck')
  const second = world.asker.ask('b')
  await world.second
  world.questions[1]?.answer()

  expect(await second).toMatchObject({ key: 'b' })
  void world.asker.ask('c')
  expect(world.keys).toEqual([['stuck'], ['b'], ['c']])
})

test('in every order of calls, changes, answers and failures each caller has its own answer, no older than its call', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('ask' as const), key: fc.constantFrom('a', 'b', 'c', 'd', 'e') }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'change' as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('answer' as const, 'fail' as const), which: fc.nat() }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), async (steps, most) => {
      const world = new World({ most })
      const open: number[] = []
      const told: Promise<string | undefined>[] = []
      let seen = 0
      const end = (which: number, how: 'answer' | 'fail') => {
        while (seen < world.questions.length) open.push(seen++)
        const [place] = open.splice(which % Math.max(1, open.length), 1)
        const question = world.questions[place ?? -1]
        if (how === 'answer') question?.answer()
        else question?.fail(new Error('failed'))
      }
      for (const step of steps) {
        if (step.kind === 'change') world.time += 1
        else if (step.kind === 'ask') told.push(wrongIn(world.asker.ask(step.key), step.key, world.time))
        else {
          end(step.which, step.kind)
          for (let turn = 0; turn < 8; turn += 1) await Promise.resolve()
        }
      }
      while (seen < world.questions.length || open.length > 0) {
        end(0, 'answer')
        for (let turn = 0; turn < 8; turn += 1) await Promise.resolve()
      }

      expect((await Promise.all(told)).filter((wrong) => wrong !== undefined)).toEqual([])
      expect(world.keys.every((keys) => keys.length <= most)).toBe(true)
    }),
  )
})

/** Undefined where the answer is right, or the question failed. */
async function wrongIn(answer: Promise<Seen | undefined>, key: string, time: number): Promise<string | undefined> {
  const seen = await answer.catch((error: Error) => error.message)
  if (seen === 'failed') return undefined
  return typeof seen === 'object' && seen.key === key && seen.time >= time
    ? undefined
    : `${key} at ${time}: ${JSON.stringify(seen)}`
}
