import { expect, test } from 'bun:test'
import { type PlainResponse, responseOf, sendingOf } from './responses.ts'

const MIB = 1024 * 1024
const FILE = Bun.file('/dev/null')
const STREAM = new ReadableStream<Uint8Array>()

test.each<[string, Partial<PlainResponse>, ReturnType<typeof sendingOf>]>([
  ['no body', { headers: { 'Content-Length': String(MIB) } }, { opens: false, isLong: false, stream: undefined }],
  ['a short body in memory', { ...lengthOf(100), body: new Uint8Array(100) }, { opens: false, isLong: false, stream: undefined }],
  ['a long body in memory', { ...lengthOf(MIB), body: new Uint8Array(MIB) }, { opens: false, isLong: true, stream: undefined }],
  ['a short file', { ...lengthOf(MIB - 1), body: FILE }, { opens: true, isLong: false, stream: undefined }],
  ['a long file', { ...lengthOf(MIB), body: FILE }, { opens: true, isLong: true, stream: undefined }],
  ['a stream of no known length', { body: STREAM }, { opens: true, isLong: true, stream: STREAM }],
])('what an answer takes whose client does not read, and whether the server opens something for it: %s', (_, facts, expected) => {
  const response = responseOf({ status: 200, headers: {}, body: null, ...facts })

  expect(sendingOf(response)).toEqual(expected)
})

function lengthOf(bytes: number) {
  return { headers: { 'Content-Length': String(bytes) } }
}
