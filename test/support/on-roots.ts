import { afterEach, beforeEach, describe } from 'bun:test'
import { describeOnStores } from './object-store.ts'
import { TemporaryFolder } from './temporary-folder.ts'
import type { TestRoot } from './test-root.ts'

/** An empty root of its own for each name. */
export type NewRoot = (name: string) => Promise<TestRoot>

/** A suite on directories, and on buckets of a real store. */
export function describeOnRoots(title: string, body: (newRoot: NewRoot, kind: 'directory' | 'bucket') => void): void {
  describe(`${title}, on a directory`, () =>
    body(
      rootsIn(async (path) => path),
      'directory',
    ))
  describeOnStores(
    title,
    (store) =>
      body(
        rootsIn(async (state) => ({ place: await store().newBucket(), state })),
        'bucket',
      ),
    ['versitygw'],
  )
}

/** All that is on this machine goes away after each test. */
function rootsIn(made: (path: string) => Promise<TestRoot>): NewRoot {
  let folder: TemporaryFolder
  beforeEach(() => {
    folder = new TemporaryFolder({ inMemory: true })
  })
  afterEach(() => folder[Symbol.dispose]())
  return async (name) => await made(folder.join(name))
}
