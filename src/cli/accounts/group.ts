import { type OperateOptions, operate, parseName } from '../operate.ts'
import { type ListOptions, print, printList, remark } from './account-output.ts'

export async function addToGroup(group: string, users: readonly string[], options: OperateOptions): Promise<void> {
  const name = parseName(group)
  const members = users.map(parseName)
  const strangers = await operate(options, (accounts) => accounts.addToGroup(name, members))
  print(members.length === 0 ? `Group ${name} is there.` : `Group ${name} has ${members.join(', ')}.`)
  for (const stranger of strangers)
    remark(`${stranger} is no user of berth user list; a user of an htpasswd file may have that name.`)
}

/** Without users: the group as a whole. */
export async function removeFromGroup(group: string, users: readonly string[], options: OperateOptions): Promise<void> {
  const name = parseName(group)
  const members = users.map(parseName)
  await operate(options, (accounts) =>
    members.length === 0 ? accounts.removeGroup(name) : accounts.removeFromGroup(name, members),
  )
  print(members.length === 0 ? `Group ${name} was removed.` : `Group ${name} has ${members.join(', ')} no more.`)
}

export async function listGroups(options: OperateOptions & ListOptions): Promise<void> {
  const groups = await operate(options, (accounts) => accounts.listGroups())
  const entries = groups.map(({ name, members }) => ({ name, members }))
  const columns = {
    GROUP: ({ name }: (typeof entries)[number]) => name,
    MEMBERS: ({ members }: (typeof entries)[number]) => members.join(', ') || '-',
  }
  printList(entries, columns, { ...options, none: 'There are no groups yet; berth group add GROUP USER makes one.' })
}
