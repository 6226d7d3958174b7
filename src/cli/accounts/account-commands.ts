import type { Command } from 'commander'
import { addToGroup, listGroups, removeFromGroup } from './group.ts'
import { createToken, listTokens, revokeToken } from './token.ts'
import { addUser, listUsers, removeUser, setPassword } from './user.ts'

/** The commands that change accounts; a running server sees the change at its next request. */
export function addAccountCommands(program: Command): void {
  addUserCommands(program.command('user').description('Users who log in with a password.'))
  addGroupCommands(program.command('group').description('Groups of users, for the rules of section access.'))
  addTokenCommands(program.command('token').description('Tokens with which robots log in, as build machines are.'))
}

function addUserCommands(user: Command): void {
  withPassword(subcommand(user, 'add', 'Adds a user; the password is asked for.').argument('<name>')).action(addUser)
  withPassword(subcommand(user, 'passwd', "Changes a user's password; the old one holds no more.").argument('<name>')).action(
    setPassword,
  )
  subcommand(user, 'remove', 'Removes a user, also from every group.').argument('<name>').action(removeUser)
  withJson(subcommand(user, 'list', 'Shows the users, and their groups.')).action(listUsers)
}

function addGroupCommands(group: Command): void {
  subcommand(group, 'add', 'Adds users to a group, which is made if it is not there.')
    .argument('<group>')
    .argument('[users...]')
    .action(addToGroup)
  subcommand(group, 'remove', 'Takes users out of a group; without users the group is removed.')
    .argument('<group>')
    .argument('[users...]')
    .action(removeFromGroup)
  withJson(subcommand(group, 'list', 'Shows the groups, and who is in them.')).action(listGroups)
}

function addTokenCommands(token: Command): void {
  withJson(subcommand(token, 'create', 'Makes a token for a robot and shows it, this once.'))
    .argument('<name>')
    .option('-s, --scope <scope...>', "what it may do, and nothing else: 'team/**:pull,push'; what the rules say when left out")
    .option('-e, --expires <duration>', 'how long it is good for: 90d, 12h or never', '90d')
    .option('-q, --quiet', 'print the token alone')
    .action(createToken)
  withJson(subcommand(token, 'list', 'Shows the tokens, without the secrets.')).action(listTokens)
  subcommand(token, 'revoke', 'Takes a token back.').argument('<name>').action(revokeToken)
}

function subcommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('-c, --config <config.yml>', 'the configuration that the server runs with; inside a container Berth finds it')
    .copyInheritedSettings(parent)
}

function withPassword(command: Command): Command {
  return command.option('--password-stdin', 'read the password from standard input')
}

function withJson(command: Command): Command {
  return command.option('--json', 'print it for a program')
}
