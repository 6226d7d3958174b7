import { expect, test } from 'bun:test'
import { listenErrorOf } from '../../src/composition/listen-error.ts'

const NAMED = { setting: 'http.addr', address: { kind: 'tcp', hostname: 'registry.invalid', port: 5000 } } as const
const UNKNOWN =
  'The name registry.invalid is unknown to this machine: correct it, or write :5000 for every address of this machine. The setting is http.addr.'

function systemError(code: string | undefined, message: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code })
}

test.each([
  ['ENOENT', 'ENOENT: no such file or directory, listen'],
  // Of an earlier call: seen once in some thousand starts.
  ['EINVAL', 'EINVAL: invalid argument, listen'],
  [undefined, 'Failed to listen at registry.invalid'],
  ['ENOTFOUND', 'getaddrinfo ENOTFOUND registry.invalid'],
])('a name that is unknown is called so, with the code %s', (code, message) => {
  expect(listenErrorOf(systemError(code, message), NAMED)).toMatchObject({ message: UNKNOWN })
})

test.each([
  ['EMFILE', 'EMFILE: too many open files, listen'],
  ['ERR_BORINGSSL', 'NO_START_LINE'],
  [undefined, 'the server does not speak TLS'],
])('what has nothing to do with the name stays as it is: %s', (code, message) => {
  const error = systemError(code, message)
  expect(listenErrorOf(error, NAMED)).toBe(error)
})

test('an address is no name', () => {
  const error = systemError('EINVAL', 'EINVAL: invalid argument, listen')
  expect(listenErrorOf(error, { ...NAMED, address: { ...NAMED.address, hostname: '192.0.2.1' } })).toBe(error)
})
