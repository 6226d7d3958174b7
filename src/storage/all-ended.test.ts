import { expect, test } from 'bun:test'
import { allEnded } from './all-ended.ts'

test('a failure is told when nothing runs any more', async () => {
  const ended: string[] = []
  const failing = Promise.reject(new Error('refused'))
  const running = Bun.sleep(5).then(() => ended.push('the other one'))

  await expect(allEnded([failing, running])).rejects.toThrow('refused')

  expect(ended).toEqual(['the other one'])
})

test('what each gave comes in the order in which they were asked', async () => {
  expect(await allEnded([Bun.sleep(2).then(() => 'first'), Promise.resolve('second')])).toEqual(['first', 'second'])
})
