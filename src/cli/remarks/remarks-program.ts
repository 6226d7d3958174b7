import type { Command } from 'commander'

/** `berth describe`. What it needs is loaded by it alone. */
export function addDescribe(program: Command): void {
  program
    .command('describe')
    .description('Describes a repository by hand, for searches and the API; also while a server runs.')
    .argument('<repository>', 'its name')
    .argument('[text]', 'one line, of 1,000 characters at most')
    .option('--clear', 'let its newest image describe it again')
    .option('--config <config.yml>', 'the configuration of the server; inside a container Berth finds it')
    .action(async (name, text, options) => await (await import('./describe.ts')).describeCommand(name, text, options))
    .copyInheritedSettings(program)
}
