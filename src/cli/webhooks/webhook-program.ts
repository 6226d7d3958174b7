import { type Command, Option } from 'commander'

const CONFIG = ['--config <config.yml>', 'the configuration of the server; inside a container Berth finds it'] as const

/** `berth webhook`. What its commands need is loaded by them alone. */
export function addWebhookCommands(program: Command): void {
  const webhook = program
    .command('webhook')
    .description('Receivers of events, which a server takes up while it runs (docs/events.md).')
    .copyInheritedSettings(program)
  webhook
    .command('add')
    .description('Adds a receiver; it is told of what happens from then on. Prints the secret with which requests are signed.')
    .argument('<name>', 'what lists, the log and the status call it')
    .argument('<url>', 'where events are posted; - reads it from standard input')
    .option('--format <format>', 'cloudevents, registry, slack, mattermost, discord or teams', 'cloudevents')
    .option('--repository <pattern...>', 'only events of these repositories')
    .option('--tag <pattern>', 'only events that name such a tag')
    .option('--kind <kind...>', 'only these kinds of events')
    .option('--secret-stdin', 'sign with the secret that comes on standard input')
    .option('--quiet', 'print the secret alone')
    .option(...CONFIG)
    .action(async (name, url, options) => await (await import('./webhook.ts')).addCommand(name, url, options))
    .copyInheritedSettings(program)
  webhook
    .command('list')
    .description('Lists the receivers, and how each takes events.')
    .option('--json', 'print JSON')
    .option(...CONFIG)
    .action(async (options) => await (await import('./webhook.ts')).listCommand(options))
    .copyInheritedSettings(program)
  webhook
    .command('remove')
    .description('Removes a receiver, with what waits for it.')
    .argument('<name>')
    .option(...CONFIG)
    .action(async (name, options) => await (await import('./webhook.ts')).removeCommand(name, options))
    .copyInheritedSettings(program)
  webhook
    .command('test')
    .description('Sends an event that never happened, and prints the answer: exit code 1 when it is not taken.')
    .argument('<name>')
    .option(...CONFIG)
    .action(async (name, options) => await (await import('./webhook.ts')).testCommand(name, options))
    .copyInheritedSettings(program)
  webhook
    .command('deliveries')
    .description('Lists what was sent, what waits for its next try, and what was set aside; the newest first.')
    .argument('<name>')
    .addOption(new Option('--state <state>', 'only these').choices(['waiting', 'aside', 'done']))
    .option('--json', 'print JSON')
    .option(...CONFIG)
    .action(async (name, options) => await (await import('./webhook.ts')).deliveriesCommand(name, options))
    .copyInheritedSettings(program)
  webhook
    .command('replay')
    .description('Sends events again: all that happened from a moment on, as far as they are kept, or what was set aside.')
    .argument('<name>')
    .addOption(new Option('--from <time>', 'a time, as 2026-11-29T15:00:00Z').conflicts(['since', 'aside']))
    .addOption(new Option('--since <duration>', 'so long ago, as 2h or 3d').conflicts(['aside']))
    .option('--aside', 'what was set aside')
    .option(...CONFIG)
    .action(async (name, options) => await (await import('./webhook.ts')).replayCommand(name, options))
    .copyInheritedSettings(program)
}
