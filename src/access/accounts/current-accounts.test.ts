import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { OperatedAccounts } from '../../../test/support/operated-accounts.ts'
import { AccountError } from './accounts.ts'

let operated: OperatedAccounts

beforeEach(async () => {
  operated = await OperatedAccounts.open()
})
afterEach(() => operated[Symbol.dispose]())

const { named, from } = OperatedAccounts
const alice = named('alice')

describe('what a server knows of accounts', () => {
  test('a change holds for the next question in every process, however short after the last', async () => {
    const servers = [operated.another(), operated.another(), operated.another()]
    await operated.accounts.addUser(alice, 'hash-0')

    for (let time = 1; time <= 50; time += 1) {
      await operated.accounts.setPassword(alice, `hash-${time}`)
      for (const server of servers) expect((await from(server).findUser(alice))?.passwordHash).toBe(`hash-${time}`)
    }
    await operated.accounts.removeUser(alice)

    for (const server of servers) expect(await from(server).findUser(alice)).toBeUndefined()
  })

  test('a change holds for questions that come while others wait', async () => {
    await operated.accounts.addUser(alice, 'hash-0')
    for (let time = 1; time <= 20; time += 1) {
      const busy = Array.from({ length: 50 }, () => from(operated.current).findUser(alice))
      await operated.accounts.setPassword(alice, `hash-${time}`)

      const asked = Array.from({ length: 50 }, () => from(operated.current).findUser(alice))

      for (const user of await Promise.all(asked)) expect(user?.passwordHash).toBe(`hash-${time}`)
      await Promise.all(busy)
    }
  })

  test('a record is read once, and a question costs one look at one file, which those that come together share', async () => {
    await operated.accounts.addUser(alice, 'hash')
    await operated.accounts.addToGroup(named('team'), [alice])
    await from(operated.current).findUser(alice)
    await from(operated.current).groupsOf('alice')
    operated.calls.length = 0

    for (let time = 0; time < 10; time += 1) await from(operated.current).findUser(alice)
    const oneByOne = operated.calls.splice(0)
    await Promise.all(Array.from({ length: 100 }, () => from(operated.current).findUser(alice)))
    const together = operated.calls.splice(0)
    await from(operated.current).groupsOf('alice')

    expect(oneByOne).toEqual(Array.from({ length: 10 }, () => 'stat berth/v1/access/generation'))
    expect(together.length).toBeLessThanOrEqual(2)
    expect(operated.calls).toEqual(['stat berth/v1/access/generation'])
  })

  test('who asks anew pays the same for a name that nobody has: a name cannot be found out by the time it takes', async () => {
    await operated.accounts.addUser(alice, 'hash')
    const readings = async (name: string) => {
      operated.calls.length = 0
      await (await operated.current.now()).findUser(named(name), 'anew')
      return operated.calls.filter((call) => call.startsWith('readSmall')).length
    }
    await from(operated.current).findUser(alice)

    expect([await readings('alice'), await readings('nobody')]).toEqual([1, 1])
    expect([await readings('alice'), await readings('nobody')]).toEqual([1, 1])
  })

  test('where a look goes over a network it is trusted for a while, and no longer', async () => {
    // A change by another machine.
    const server = operated.another({ trustedForMs: 300, lastChange: async () => 'none here' })
    await operated.accounts.addUser(alice, 'old')
    expect((await from(server).findUser(alice))?.passwordHash).toBe('old')

    await operated.accounts.setPassword(alice, 'new')
    const deadline = performance.now() + 20_000
    while ((await from(server).findUser(alice))?.passwordHash !== 'new') {
      if (performance.now() > deadline) throw new Error('the change was never seen')
      await Bun.sleep(5)
    }
  })

  test('over a network too, a change on the same machine holds for the next question, and the others cost no request', async () => {
    const servers = [operated.another({}), operated.another({})]
    await operated.accounts.addUser(alice, 'hash-0')

    for (let time = 1; time <= 20; time += 1) {
      const busy = servers.map((server) => Array.from({ length: 10 }, () => from(server).findUser(alice)))
      await operated.accounts.setPassword(alice, `hash-${time}`)
      const asked = servers.map((server) => Array.from({ length: 10 }, () => from(server).findUser(alice)))
      for (const user of await Promise.all(asked.flat())) expect(user?.passwordHash).toBe(`hash-${time}`)
      await Promise.all(busy.flat())
    }
    operated.calls.length = 0
    for (let time = 0; time < 10; time += 1) for (const server of servers) await from(server).findUser(alice)

    expect(operated.calls).toEqual([])
  })

  test('after a writer has died half-way, every question is answered from the storage until the next change', async () => {
    await operated.accounts.addUser(alice, 'old')
    await from(operated.current).findUser(alice)
    operated.dieAfter('place berth/v1/access/users')
    await expect(operated.accounts.setPassword(alice, 'new')).rejects.toThrow('died')
    operated.live()

    expect((await from(operated.current).findUser(alice))?.passwordHash).toBe('new')
    operated.calls.length = 0
    await from(operated.current).findUser(alice)
    expect(operated.calls).toContain('readSmall berth/v1/access/users/alice')

    await operated.accounts.addUser(named('bob'), 'hash')
    await from(operated.current).findUser(alice)
    operated.calls.length = 0
    await from(operated.current).findUser(alice)
    expect(operated.calls).toEqual(['stat berth/v1/access/generation'])
  })

  test('a server that starts ends what a dead writer has left, and disturbs nothing else', async () => {
    await operated.accounts.addUser(alice, 'old')
    operated.dieAfter('place berth/v1/access/users')
    await expect(operated.accounts.setPassword(alice, 'new')).rejects.toThrow('died')
    operated.live()

    await operated.anotherOperator().settle()
    await from(operated.current).findUser(alice)
    operated.calls.length = 0
    await operated.anotherOperator().settle()
    await from(operated.current).findUser(alice)

    expect(operated.calls.filter((call) => !call.startsWith('readSmall'))).toEqual([
      'stat berth/v1/access/generation',
      'stat berth/v1/access/generation',
    ])
    expect((await from(operated.current).findUser(alice))?.passwordHash).toBe('new')
  })

  test('two that change accounts at once lose nothing', async () => {
    const other = operated.anotherOperator()
    const members = Array.from({ length: 20 }, (_, index) => named(`member-${index}`))

    await Promise.all(
      members.map((member, index) => (index % 2 === 0 ? operated.accounts : other).addToGroup(named('team'), [member])),
    )
    const added = await Promise.allSettled([operated.accounts.addUser(alice, 'one'), other.addUser(alice, 'two')])

    expect((await operated.accounts.listGroups())[0]?.members).toEqual([...members].sort())
    const refused = added.filter((result) => result.status === 'rejected')
    expect(refused).toHaveLength(1)
    expect(refused[0]?.reason).toBeInstanceOf(AccountError)
  })

  test('a storage that cannot be read is a failure, and works again when it can', async () => {
    await operated.accounts.addUser(alice, 'hash')
    operated.dieAfter('')

    await expect(from(operated.current).findUser(alice)).rejects.toThrow('died')
    await expect(from(operated.current).groupsOf('alice')).rejects.toThrow('died')
    operated.live()

    expect(await from(operated.current).findUser(alice)).toMatchObject({ passwordHash: 'hash' })
    expect(await from(operated.current).groupsOf('alice')).toEqual([])
  })
})
