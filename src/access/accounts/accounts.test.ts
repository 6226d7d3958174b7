import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { OperatedAccounts } from '../../../test/support/operated-accounts.ts'
import { DamagedRecordError } from './account.ts'
import { findAccountName } from './account-name.ts'
import { AccountError, hashRobotToken } from './accounts.ts'
import { findScope } from './robot-scope.ts'

let operated: OperatedAccounts

beforeEach(async () => {
  operated = await OperatedAccounts.open()
})
afterEach(() => operated[Symbol.dispose]())

const { named, from } = OperatedAccounts

describe('accounts', () => {
  test('a user is there from the moment on that adding has ended, with the hash and nothing of the password', async () => {
    await operated.accounts.addUser(named('alice'), '$2b$10$hash')

    expect(await from(operated.current).findUser(named('alice'))).toMatchObject({
      name: named('alice'),
      passwordHash: '$2b$10$hash',
    })
    expect(await from(operated.current).findUser(named('bob'))).toBeUndefined()
    expect((await operated.accounts.listUsers()).map(({ name }) => name)).toEqual([named('alice')])
  })

  test('every record is for the eyes of its owner alone', async () => {
    await operated.accounts.addUser(named('alice'), 'hash')
    await operated.accounts.addToGroup(named('team'), [named('alice')])
    await operated.accounts.createRobot({ name: named('ci'), scopes: undefined, expiresAt: undefined })

    const files = (await readdir(operated.directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    const modes = files.map(async ({ parentPath, name }) => ((await stat(`${parentPath}/${name}`)).mode & 0o777).toString(8))

    expect(files.map(({ name }) => name).sort()).toEqual(['alice', 'ci', 'generation', 'team'])
    expect(new Set(await Promise.all(modes))).toEqual(new Set(['600']))
  })

  test('a new password is another revision, and a removed user is gone from every group', async () => {
    await operated.accounts.addUser(named('alice'), 'old')
    await operated.accounts.addToGroup(named('team'), [named('alice'), named('bob')])
    const before = await from(operated.current).findUser(named('alice'))

    await operated.accounts.setPassword(named('alice'), 'new')
    const after = await from(operated.current).findUser(named('alice'))
    await operated.accounts.removeUser(named('alice'))

    expect(after).toMatchObject({ passwordHash: 'new', createdAt: before?.createdAt })
    expect(after?.revision).not.toBe(before?.revision)
    expect(await from(operated.current).findUser(named('alice'))).toBeUndefined()
    expect(await from(operated.current).groupsOf('alice')).toEqual([])
    expect(await from(operated.current).groupsOf('bob')).toEqual(['team'])
  })

  test('what is there is not added again, and what is not there is neither changed nor removed', async () => {
    await operated.accounts.addUser(named('alice'), 'hash')
    await operated.accounts.addToGroup(named('team'), [])
    await operated.accounts.createRobot({ name: named('ci'), scopes: undefined, expiresAt: undefined })

    const { accounts } = operated
    const bob = named('bob')

    await expect(accounts.addUser(named('alice'), 'other')).rejects.toThrow(AccountError)
    await expect(accounts.setPassword(bob, 'hash')).rejects.toThrow('There is no user bob')
    await expect(accounts.removeUser(bob)).rejects.toThrow('There is no user bob')
    await expect(accounts.removeGroup(bob)).rejects.toThrow('There is no group bob')
    await expect(accounts.removeFromGroup(named('team'), [bob])).rejects.toThrow('The group team has no member bob.')
    await expect(accounts.revokeRobot(bob)).rejects.toThrow('There is no token bob')
    const again = accounts.createRobot({ name: named('ci'), scopes: undefined, expiresAt: undefined })
    await expect(again).rejects.toThrow('There is a token ci already; revoke it first.')
  })

  test("a robot's token is kept as a hash, with its scopes and its end", async () => {
    const scopes = [findScope('team/*:pull,push')].filter((scope) => scope !== undefined)
    const expiresAt = new Date('2030-01-02T03:04:05.678Z')

    const token = await operated.accounts.createRobot({ name: named('ci'), scopes, expiresAt })

    const robot = await from(operated.current).findRobot(named('ci'))
    expect(robot?.tokenHash).toBe(hashRobotToken(token))
    expect(robot?.expiresAt).toEqual(expiresAt)
    expect(robot?.scopes?.[0]?.can).toEqual(['pull', 'push'])
    expect(robot?.scopes?.[0]?.repositories.fits('team/app')).toBe(true)
    expect(await Bun.file(`${operated.directory}/robots/ci`).text()).not.toContain(token)
  })

  test('a member that is no user here is told: htpasswd may know that name, or nobody', async () => {
    await operated.accounts.addUser(named('alice'), 'hash')

    const strangers = await operated.accounts.addToGroup(named('team'), [named('alice'), named('carol')])

    expect(strangers).toEqual([named('carol')])
    expect(await from(operated.current).groupsOf('carol')).toEqual(['team'])
  })

  test('a record that cannot be read is a failure with a name, never a user who is not there', async () => {
    await operated.accounts.addUser(named('alice'), 'hash')
    await writeFile(`${operated.directory}/users/alice`, '{"name":"alice"')

    await expect(from(operated.another()).findUser(named('alice'))).rejects.toThrow(DamagedRecordError)
    await expect(from(operated.another()).findUser(named('alice'))).rejects.toThrow('berth/v1/access/users/alice')
  })
})

test('a name is one that can stand in a path, a rule and a log line', () => {
  for (const text of ['alice', 'Alice', 'a', '0', 'ci.bot-1_x', 'a'.repeat(64)]) expect(findAccountName(text)).toBeDefined()
  for (const text of ['', '.', '..', '-a', '_a', 'a b', 'a:b', 'a/b', 'ä', 'a\n', 'a@b', 'a'.repeat(65)]) {
    expect(findAccountName(text)).toBeUndefined()
  }
})
