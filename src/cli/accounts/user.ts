import { ROBOT_TOKEN_PREFIX } from '../../access/accounts/accounts.ts'
import { hashPassword } from '../../access/passwords/new-password.ts'
import { CommandError } from '../command-error.ts'
import { type OperateOptions, operate, parseName } from '../operate.ts'
import { day, type ListOptions, print, printList } from './account-output.ts'
import { type PasswordOptions, readNewPassword } from './password-input.ts'

export async function addUser(text: string, options: OperateOptions & PasswordOptions): Promise<void> {
  const name = parseName(text)
  const hash = await hashPassword(await readUserPassword(name, options))
  await operate(options, (accounts) => accounts.addUser(name, hash))
  print(`User ${name} was added and can log in.`)
}

export async function setPassword(text: string, options: OperateOptions & PasswordOptions): Promise<void> {
  const name = parseName(text)
  const hash = await hashPassword(await readUserPassword(name, options))
  await operate(options, (accounts) => accounts.setPassword(name, hash))
  print(`The password of ${name} was changed; the old one and every token that it brought are void.`)
}

export async function removeUser(text: string, options: OperateOptions): Promise<void> {
  const name = parseName(text)
  await operate(options, (accounts) => accounts.removeUser(name))
  print(`User ${name} was removed, also from groups, and every token of that user is void.`)
}

export async function listUsers(options: OperateOptions & ListOptions): Promise<void> {
  const entries = await operate(options, async (accounts) => {
    const groups = await accounts.listGroups()
    return (await accounts.listUsers()).map(({ name, createdAt, changedAt }) => ({
      name,
      groups: groups.filter(({ members }) => members.includes(name)).map((group) => group.name),
      createdAt,
      passwordSetAt: changedAt,
    }))
  })
  const columns = {
    USER: ({ name }: (typeof entries)[number]) => name,
    GROUPS: ({ groups }: (typeof entries)[number]) => groups.join(', ') || '-',
    'PASSWORD SET': ({ passwordSetAt }: (typeof entries)[number]) => day(passwordSetAt),
  }
  printList(entries, columns, { ...options, none: 'There are no users yet; berth user add NAME adds one.' })
}

/** Throws CommandError for what the server would look for among the robots. */
async function readUserPassword(name: string, options: PasswordOptions): Promise<string> {
  const password = await readNewPassword(name, options)
  if (!password.startsWith(ROBOT_TOKEN_PREFIX)) return password
  throw new CommandError(
    `The password begins with ${ROBOT_TOKEN_PREFIX} and would be taken for a robot's token; berth token create makes one. Nothing was changed.`,
  )
}
