import { Argument, type Command, Option } from 'commander'
import { checkConfig } from './check-config.ts'
import { completionScript, SHELLS } from './completion.ts'
import { printConfig } from './config.ts'

/** Of the commands that would pass over keys as registry:2 does. */
export function strictOption(): Option {
  return new Option('--strict', 'refuse every key and every REGISTRY_ variable that there is not')
}

/** The commands that answer questions and serve nothing. */
export function addConfigCommands(program: Command): void {
  program
    .command('config')
    .description('Prints the configuration that serve would use, with the origin of each value and stars for secrets.')
    .argument('[config.yml]', 'the file that serve would be given')
    .action(printConfig)
    .copyInheritedSettings(program)
  program
    .command('check-config')
    .description(
      'Reads a configuration of registry:2 or registry:3 and says what changes with Berth; exit code 1 when it cannot be used.',
    )
    .argument('<config.yml>', 'the file as the old registry uses it')
    .addOption(strictOption())
    .action(checkConfig)
    .copyInheritedSettings(program)
  program
    .command('completion')
    .description('Prints what a shell needs to complete commands: source <(berth completion bash)')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => void process.stdout.write(completionScript(shell, program)))
    .copyInheritedSettings(program)
}
