import { describe, expect, test } from 'bun:test'
import { MAX_MANIFEST_BYTES } from './manifest.ts'
import {
  MAX_CHILDREN,
  MAX_DEPTH,
  MAX_VALUES_TOGETHER,
  ManifestBounds,
  requireBounds,
  requireChildren,
} from './manifest-bounds.ts'

const DESCRIPTOR = `{"mediaType":"a","digest":"sha256:${'0'.repeat(64)}","size":1,"annotations":{"a":"b","c":"d"}}`

function check(text: string): void {
  requireBounds(new TextEncoder().encode(text))
}

/** As it arrives from a client. */
function checkInPieces(text: string, length: number): void {
  const bytes = new TextEncoder().encode(text)
  const bounds = new ManifestBounds()
  for (let start = 0; start < bytes.length; start += length) bounds.count(bytes.subarray(start, start + length))
}

function layers(...list: readonly string[]): string {
  return `{"schemaVersion":2,"config":${DESCRIPTOR},"layers":[${list.join(',')}]}`
}

describe('a manifest', () => {
  test.each([
    ['with as many layers as a list may have', layers(...Array(MAX_VALUES_TOGETHER).fill(DESCRIPTOR))],
    ['with marks inside of texts', layers(`{"a":"${'[{,'.repeat(100_000)}\\\\","b":"\\"${',]'.repeat(100_000)}"}`)],
    ['with one text of four megabytes', layers(`{"data":"${'x'.repeat(4_000_000)}"}`)],
    ['with as many annotations as an object may have', `{"annotations":{${pairs(MAX_VALUES_TOGETHER)}}}`],
    ['with as many values as there may be', layers(...Array(3_560).fill('[1,1,1,1,1,1,1,1,1,1,1,1,1]'))],
    ['with lists one after another', layers(...Array(100).fill(`[${'1,'.repeat(100)}1]`))],
    ['as deep as values may be', '['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH)],
    ['that is no JSON', ']]]}}}"'],
    ['that breaks off in a text', '{"a":"b\\'],
    ['that is empty', ''],
  ])('%s passes, also in pieces', (_, text) => {
    expect(() => check(text)).not.toThrow()
    for (const length of [1, 2, 1000]) expect(() => checkInPieces(text, length)).not.toThrow()
  })

  test.each([
    ['numbers in place of layers', layers('1,'.repeat(2_000_000)), 'a list or an object of more than 4000 values'],
    [
      'one layer too many',
      layers(...Array(MAX_VALUES_TOGETHER + 1).fill(DESCRIPTOR)),
      'a list or an object of more than 4000 values',
    ],
    ['empty objects in place of layers', layers('{},'.repeat(1_000_000)), 'a list or an object of more than 4000 values'],
    [
      'one annotation too many',
      `{"annotations":{${pairs(MAX_VALUES_TOGETHER + 1)}}}`,
      'a list or an object of more than 4000 values',
    ],
    ['lists of lists', layers(...Array(3_999).fill('[1,1,1,1,1,1,1,1,1,1,1,1,1,1]')), 'more than 50000 values'],
    ['two million levels', '['.repeat(2_000_000), 'more than 50 levels'],
    ['levels of objects', '{"a":'.repeat(700_000), 'more than 50 levels'],
  ])('with %s is refused', (_, text, reason) => {
    expect(text.length).toBeLessThanOrEqual(MAX_MANIFEST_BYTES + 200)
    const sentence = `The manifest has ${reason}; put what is large into a blob.`
    expect(() => check(text)).toThrow(sentence)
    for (const length of [1, 2, 1000]) expect(() => checkInPieces(text, length)).toThrow(sentence)
  })
})

test('an image index may name so many manifests and no more, an image twice as many layers', () => {
  const names = (role: string, count: number) => Array(count).fill({ role })

  expect(() => requireChildren(names('child', MAX_CHILDREN))).not.toThrow()
  expect(() => requireChildren(names('layer', MAX_VALUES_TOGETHER))).not.toThrow()
  expect(() => requireChildren(names('child', MAX_CHILDREN + 1))).toThrow('The image index names more than 2000 manifests')
})

function pairs(count: number): string {
  return Array.from({ length: count }, (_, index) => `"${index}":"b"`).join(',')
}
