import { type Command, Option } from 'commander'
import { STRATEGIES } from '../../agent/wishes/wishes.ts'

/** `berth agent`. What it needs is loaded by it alone. */
export function addAgent(program: Command): void {
  const command = program
    .command('agent')
    .description('Keeps the containers of this Docker host on the images that their tags name in a registry.')
    .argument('[registry]', 'as it stands in front of image names; left out: BERTH_AGENT_REGISTRY')
    .copyInheritedSettings(program)
  addRegistryOptions(command)
  command
    .option('--all', 'keep every container of an image of this registry, not only those with the label berth.deploy=true', false)
    .option('--scope <name>', 'keep only containers with the label berth.scope=NAME')
    .addOption(
      new Option('--strategy <which>', 'of containers whose labels say nothing').choices(STRATEGIES).default('stop-first'),
    )
    .option('--window <times>', 'replace containers only then: "02:00-05:00", or "Mon-Fri 22:00-04:00"')
    .option('--interval <time>', 'how often everything is looked at', '5m')
    .option('--once', 'look at everything once, and end', false)
    .option('--dry-run', 'tell what would be done, and change nothing', false)
    .option('--remove-images', 'remove the images that an update leaves behind', false)
    .option('--notify <url>', 'where updates and failures are told, as a webhook')
    .option('--host <name>', 'how notices name this machine; left out: as it is called')
    .option('--docker <socket>', "Docker's socket; left out: DOCKER_HOST, or /var/run/docker.sock")
    .addOption(new Option('--log-level <level>', 'how much is told').choices(['error', 'warn', 'info', 'debug']).default('info'))
    .action(async (registry, options) => await (await import('./agent.ts')).runAgent(registry, options))
}

function addRegistryOptions(command: Command): void {
  command
    .option('--login <user>', 'as this user or robot; left out: BERTH_AGENT_LOGIN, or as docker login has left it')
    .option('--password-stdin', 'read the password of --login from standard input', false)
    .option('--password-file <file>', 'read it from a file; left out: BERTH_AGENT_PASSWORD_FILE')
    .option('--ca <file>', "the authority of the registry's certificate; left out: those of /etc/docker/certs.d")
    .option('--plain-http', 'the registry speaks plain HTTP; one on this machine is found out', false)
}
