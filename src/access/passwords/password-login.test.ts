import { afterEach, beforeAll, beforeEach, describe, expect, setSystemTime, spyOn, test } from 'bun:test'
import { FailureLimit } from './failure-limit.ts'
import { type LoginAttempt, PasswordLogin } from './password-login.ts'
import type { PasswordBook, PasswordRecord } from './passwords.ts'

const COST = 4
const hashes = new Map<string, string>()

beforeAll(async () => {
  for (const password of ['right', 'other']) {
    hashes.set(password, await Bun.password.hash(password, { algorithm: 'bcrypt', cost: COST }))
  }
})

/** A book in which alice's password is the one last written. */
class OneUserBook implements PasswordBook {
  #record: PasswordRecord | undefined
  #revisions = 0

  constructor(password: string) {
    this.write(password)
  }

  write(password: string): void {
    this.#revisions += 1
    this.#record = { name: 'alice', passwordHash: hashes.get(password) ?? '', revision: `${this.#revisions}` }
  }

  remove(): void {
    this.#record = undefined
  }

  find = async (name: string) => (name === 'alice' ? this.#record : undefined)
  highestCost = () => COST
}

function loginOver(book: PasswordBook, checksAtOnce = 1): PasswordLogin {
  return new PasswordLogin({ book, checksAtOnce, failures: new FailureLimit() })
}

function attempt(name: string, password: string, client = '192.0.2.1'): LoginAttempt {
  const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
  return { authorization, client, challenge: 'Basic realm="a"' }
}

/** How many passwords are checked while `run` runs. */
async function checksDuring(run: () => Promise<unknown>): Promise<number> {
  const verify = spyOn(Bun.password, 'verify')
  try {
    await run()
    return verify.mock.calls.length
  } finally {
    verify.mockRestore()
  }
}

describe('a password', () => {
  test('that is right gives its record; a wrong one, and one of nobody, are refused alike', async () => {
    const login = loginOver(new OneUserBook('right'))

    expect(await login.login(attempt('alice', 'right'))).toMatchObject({ name: 'alice' })
    const wrong = await login.login(attempt('alice', 'wrong')).catch((error: Error) => error)
    const unknown = await login.login(attempt('bob', 'right')).catch((error: Error) => error)
    expect(wrong).toMatchObject({
      code: 'UNAUTHORIZED',
      challenge: 'Basic realm="a"',
      claimed: 'alice',
      reason: 'wrong password',
    })
    expect(unknown).toMatchObject({ code: 'UNAUTHORIZED', challenge: 'Basic realm="a"', claimed: 'bob', reason: 'no such user' })
    expect((wrong as Error).message).toBe((unknown as Error).message)
  })

  test('that was right is not checked again; a wrong one is each time', async () => {
    const login = loginOver(new OneUserBook('right'))
    await login.login(attempt('alice', 'right'))

    expect(await checksDuring(() => login.login(attempt('alice', 'right')))).toBe(0)
    expect(await checksDuring(() => login.login(attempt('alice', 'wrong')).catch(() => undefined))).toBe(1)
    expect(await checksDuring(() => login.login(attempt('alice', 'wrong')).catch(() => undefined))).toBe(1)
  })

  test('holds no longer than its record: not when it was changed, not when the user is gone', async () => {
    const book = new OneUserBook('right')
    const login = loginOver(book)
    await login.login(attempt('alice', 'right'))

    book.write('other')
    await expect(login.login(attempt('alice', 'right'))).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    await login.login(attempt('alice', 'other'))
    book.write('other')
    expect(await checksDuring(() => login.login(attempt('alice', 'other')))).toBe(1)
    book.remove()
    await expect(login.login(attempt('alice', 'other'))).rejects.toMatchObject({ code: 'UNAUTHORIZED', reason: 'no such user' })
  })

  test('that many send at once is checked once', async () => {
    const book = new OneUserBook('right')
    const login = loginOver(book)

    const checks = await checksDuring(async () => {
      const settled = await Promise.allSettled(Array.from({ length: 50 }, () => login.login(attempt('alice', 'right'))))
      expect(settled.every(({ status }) => status === 'fulfilled')).toBe(true)
    })

    expect(checks).toBe(1)
  })

  test('longer than bcrypt reads is cut where htpasswd cuts it', async () => {
    const long = 'x'.repeat(100)
    hashes.set(long, await Bun.password.hash(long.slice(0, 72), { algorithm: 'bcrypt', cost: COST }))
    const login = loginOver(new OneUserBook(long))

    expect(await login.login(attempt('alice', long))).toMatchObject({ name: 'alice' })
  })

  test('in another scheme is refused without a check', async () => {
    const login = loginOver(new OneUserBook('right'))
    const bearer = { ...attempt('alice', 'right'), authorization: 'Bearer abc' }

    const checks = await checksDuring(async () => {
      await expect(login.login(bearer)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    })
    expect(checks).toBe(0)
  })
})

describe('an address that is wrong too often', () => {
  // However long the checks take, nobody is let try again meanwhile.
  beforeEach(() => void setSystemTime(new Date()))
  afterEach(() => void setSystemTime())

  test('has to wait, whether the next password is right or not, and others do not', async () => {
    const login = loginOver(new OneUserBook('right'))
    for (let index = 0; index < 20; index++) await login.login(attempt('alice', `wrong ${index}`)).catch(() => undefined)

    await expect(login.login(attempt('alice', 'wrong'))).rejects.toMatchObject({ code: 'TOOMANYREQUESTS', retryAfterSeconds: 2 })
    await expect(login.login(attempt('alice', 'right'))).rejects.toMatchObject({ code: 'TOOMANYREQUESTS' })
    expect(await login.login(attempt('alice', 'right', '192.0.2.2'))).toMatchObject({ name: 'alice' })
  })

  test('goes on with the password that was right before', async () => {
    const login = loginOver(new OneUserBook('right'))
    await login.login(attempt('alice', 'right'))
    for (let index = 0; index < 20; index++) await login.login(attempt('bob', `wrong ${index}`)).catch(() => undefined)

    expect(await login.login(attempt('alice', 'right'))).toMatchObject({ name: 'alice' })
  })

  test('is counted once for what is checked once', async () => {
    const login = loginOver(new OneUserBook('right'))

    for (let round = 0; round < 10; round++) {
      await Promise.allSettled(Array.from({ length: 20 }, () => login.login(attempt('alice', `wrong ${round}`))))
    }

    await expect(login.login(attempt('alice', 'wrong'))).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })

  test('keeps nobody waiting who sends the same from elsewhere', async () => {
    const login = loginOver(new OneUserBook('right'))
    const guesses = Array.from({ length: 30 }, (_, index) => login.login(attempt('alice', `wrong ${index}`)))
    const slowed = login.login(attempt('alice', 'right'))
    const elsewhere = login.login(attempt('alice', 'right', '192.0.2.2'))

    const [first, second] = await Promise.allSettled([slowed, elsewhere, ...guesses])

    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'TOOMANYREQUESTS' } })
    expect(second).toMatchObject({ status: 'fulfilled', value: { name: 'alice' } })
  })

  test('gets no more checks by trying many at once', async () => {
    const login = loginOver(new OneUserBook('right'), 2)

    const checks = await checksDuring(() =>
      Promise.allSettled(Array.from({ length: 300 }, (_, index) => login.login(attempt('alice', `wrong ${index}`)))),
    )

    expect(checks).toBeLessThanOrEqual(22)
  })
})

test('not more passwords are checked at the same time than there may be, and a long line is not joined', async () => {
  let [running, most] = [0, 0]
  const verify = spyOn(Bun.password, 'verify').mockImplementation(async () => {
    running += 1
    most = Math.max(most, running)
    await Bun.sleep(1)
    running -= 1
    return true
  })
  try {
    const book: PasswordBook = {
      find: async (name) => ({ name, passwordHash: hashes.get('right') ?? '', revision: '1' }),
      highestCost: () => COST,
    }
    const login = loginOver(book, 3)
    const attempts = Array.from({ length: 600 }, (_, index) => login.login(attempt(`user-${index}`, 'right')))
    const outcomes = await Promise.allSettled(attempts)

    expect(most).toBe(3)
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(97)
    expect(refused[0]).toMatchObject({ reason: { code: 'UNAVAILABLE', retryAfterSeconds: 1 } })
  } finally {
    verify.mockRestore()
  }
})

test('a wrong password takes the same time for every name: in the book at any cost, and not in it', async () => {
  const costs: Readonly<Record<string, number>> = { cheap: 4, middle: 5, dear: 7 }
  const records = new Map<string, PasswordRecord>()
  for (const [name, cost] of Object.entries(costs)) {
    const passwordHash = await Bun.password.hash('right', { algorithm: 'bcrypt', cost })
    records.set(name, { name, passwordHash, revision: '1' })
  }
  const book: PasswordBook = { find: async (name) => records.get(name), highestCost: () => 7 }
  /** bcrypt does its step 2 to the power of the cost times. */
  const stepsOf = async (name: string) => {
    const verify = spyOn(Bun.password, 'verify')
    try {
      await loginOver(book)
        .login(attempt(name, 'wrong'))
        .catch(() => undefined)
      return verify.mock.calls.reduce((steps, [, hash]) => steps + 2 ** Number(String(hash).slice(4, 6)), 0)
    } finally {
      verify.mockRestore()
    }
  }

  for (const name of [...records.keys(), 'nobody', 'nobody else']) expect([name, await stepsOf(name)]).toEqual([name, 2 ** 7])
})
