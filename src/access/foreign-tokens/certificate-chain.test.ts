import { afterEach, describe, expect, type Mock, spyOn, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { PKITS_PATHS, PKITS_ROOT } from '../../../test/support/pkits.ts'
import { keyOfChain } from './certificate-chain.ts'
import { TokenRefused } from './token-refused.ts'

const ROOTS = [new X509Certificate(PKITS_ROOT)]
/** Within the twenty years of NIST's certificates. */
const NOW_MS = Date.UTC(2026, 5, 1)

function verdict(x5c: readonly string[]): 'valid' | 'refused' {
  try {
    keyOfChain(x5c, ROOTS, NOW_MS)
    return 'valid'
  } catch (error) {
    if (error instanceof TokenRefused) return 'refused'
    throw error
  }
}

describe('the certification paths of NIST (PKITS)', () => {
  test.each(PKITS_PATHS.map(({ name, isValid, x5c }) => [name, isValid ? 'valid' : 'refused', x5c] as const))(
    '%s is %s',
    (_, expected, x5c) => expect(verdict(x5c)).toBe(expected),
  )

  test('are held whole', () => {
    expect(PKITS_PATHS.filter(({ isValid }) => isValid)).toHaveLength(40)
    expect(PKITS_PATHS.filter(({ isValid }) => !isValid)).toHaveLength(60)
  })
})

describe('the certificates of a token', () => {
  const spies: Mock<X509Certificate['verify']>[] = []
  afterEach(() => {
    for (const spy of spies.splice(0)) spy.mockRestore()
  })
  function countedChecks(): Mock<X509Certificate['verify']> {
    const spy = spyOn(X509Certificate.prototype, 'verify')
    spies.push(spy)
    return spy
  }
  const longest = PKITS_PATHS.find(({ name }) => name === 'ValidpathLenConstraintTest13')?.x5c ?? []

  test('are taken in the order sent', () => {
    const [leaf = '', ...above] = longest

    expect(verdict(longest)).toBe('valid')
    expect(verdict([leaf, ...above.toReversed()])).toBe('refused')
    expect(verdict([leaf, ...above.slice(1)])).toBe('refused')
  })

  test('may end with the root, and go on after it', () => {
    expect(verdict([...longest, PKITS_ROOT.toBase64()])).toBe('valid')
    expect(verdict([PKITS_ROOT.toBase64()])).toBe('valid')
    expect(verdict([...longest, longest[0] ?? ''])).toBe('valid')
  })

  test('cost one check each, from the root down', () => {
    const checks = countedChecks()

    expect(verdict(longest)).toBe('valid')

    expect(checks.mock.calls.length).toBe(longest.length)
  })

  test('cost one check in all where no root has signed the last', () => {
    const checks = countedChecks()
    const forged = PKITS_PATHS.find(({ name }) => name === 'InvalidCASignatureTest2')?.x5c ?? []

    expect(verdict(forged)).toBe('refused')

    expect(checks.mock.calls.length).toBe(1)
  })

  test('cost ten checks at most, however many roots bear the name that they give', () => {
    const checks = countedChecks()
    const forged = PKITS_PATHS.find(({ name }) => name === 'InvalidCASignatureTest2')?.x5c ?? []

    expect(() => keyOfChain(forged, Array(50).fill(ROOTS[0]), NOW_MS)).toThrow(TokenRefused)

    expect(checks.mock.calls.length).toBe(10)
  })

  test('are refused where they are more than ten', () => {
    expect(() => keyOfChain(Array(11).fill(longest[0]), ROOTS, NOW_MS)).toThrow('its x5c has 11 certificates')
  })
})
