import type { Command } from 'commander'
import { addRegistryFlags } from '../images/registry-flags.ts'

/** `berth import`. The code behind it is loaded when the command runs, and by no other command. */
export function addImport(program: Command): void {
  const several = (value: string, before: readonly string[]) => [...before, value]
  addRegistryFlags(program.command('import'))
    .description(
      'Brings the repositories of another registry into this one, digest for digest. Run again, it brings what is missing.',
    )
    .argument('<registry>', 'where they go: registry.example.com:5000, or registry.example.com:5000/old for names below old/')
    .requiredOption('--from <registry>', 'https://harbor.example.com, harbor.example.com/project, docker.io/organisation')
    .option('--user <user>', 'as this user of the other registry; left out: as docker login or podman login has left it')
    .option('--user-password <file>', 'the password of --user, or - for standard input')
    .option('--from-ca <file>', "the authority of the other registry's certificate, where this machine does not trust it")
    .option(
      '--repositories <pattern>',
      'by their names there, as team/**; may be given several times; left out: all',
      several,
      [],
    )
    .option('--tags <pattern>', 'as v*, semver:>=1.2 <2 or newest:3; may be given several times; left out: all', several, [])
    .option('--overwrite', 'move tags that are here with other images to those that they have there', false)
    .option('--rate <bytes>', 'so much in a second at most, as 20MB')
    .option('-d, --dry-run', 'print what would come, and bring nothing', false)
    .option('--json', 'print one JSON object at the end', false)
    .action(async (registry, options) => await (await import('./import.ts')).importInto(registry, options))
    .copyInheritedSettings(program)
}
