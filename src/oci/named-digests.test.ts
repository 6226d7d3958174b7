import { expect, test } from 'bun:test'
import { digestOf } from './digest.ts'
import { digestsIn } from './named-digests.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const one = digestOf('sha256', bytesOf('one'))
const two = digestOf('sha512', bytesOf('two'))

test.each([
  ['a schema 1 manifest', JSON.stringify({ schemaVersion: 1, fsLayers: [{ blobSum: one }, { blobSum: two }, { blobSum: one }] })],
  ['an artifact manifest', JSON.stringify({ blobs: [{ digest: one }], subject: { digest: two } })],
  ['no JSON', `\\ ${one},${two}`],
  ['JSON with escapes', JSON.stringify({ a: one, b: two }).replaceAll(':s', ':\\u0073').replaceAll('256:', '256\\u003a')],
  ['bytes that are no UTF-8', `${one}\xff${two}`],
])('every digest in %s is found once', (_, text) => {
  expect([...digestsIn(bytesOf(text))].sort()).toEqual([one, two].sort())
})

test.each(['', 'sha256:', one.slice(0, -1), `${one}0`, one.toUpperCase(), 'sha384:00'])('%j has none', (text) => {
  expect(digestsIn(bytesOf(text))).toEqual([])
})
