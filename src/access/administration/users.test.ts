import { expect, test } from 'bun:test'
import { type AccountName, findAccountName } from '../accounts/account-name.ts'
import type { Accounts } from '../accounts/accounts.ts'
import { Users, type UsersOptions } from './users.ts'

const WAITING = 100

function nameOf(text: string): AccountName {
  const name = findAccountName(text)
  if (name === undefined) throw new Error(`${text} is no name`)
  return name
}

test('a hundred new passwords wait while one is hashed; the next is refused, and nothing is written for it', async () => {
  const written: string[] = []
  const turn = Promise.withResolvers<void>()
  const accounts: Pick<Accounts, 'addUser'> = { addUser: async (name) => void written.push(name) }
  const hash = async (password: string) => {
    await turn.promise
    return `hash of ${password}`
  }
  const users = new Users({ accounts, hash } as unknown as UsersOptions)
  const add = (name: string) => users.add(nameOf(name), 'secret')

  const under = Array.from({ length: 1 + WAITING }, (_, place) => add(`u${place}`))
  await expect(add('late')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  turn.resolve()
  await Promise.all(under)

  expect(written.length).toBe(1 + WAITING)
  expect(written).not.toContain('late')
  await add('late')
  expect(written).toContain('late')
})
