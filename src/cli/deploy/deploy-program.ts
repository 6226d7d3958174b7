import type { Command } from 'commander'

/** `berth deploy`. What it needs is loaded by it alone. */
export function addDeploy(program: Command): void {
  program
    .command('deploy')
    .description('Runs an image on Docker hosts that ssh reaches, with a label by which berth agent keeps it new.')
    .usage('[options] <host...> <image> [-- <options of docker run> [-- <command>]]')
    .argument('<words...>', 'the hosts, as ssh takes them, and the image: registry.example.com:5000/team/app:v1')
    .option('--login <user>', 'as whom the hosts pull it, for this once')
    .option('--password-stdin', 'read the password of --login from standard input', false)
    .option('--ca <file>', "make the hosts trust this authority of the registry's certificate")
    .option(
      '--fingerprint <sha256>',
      'make them trust the authority that the registry hands out, which must have this fingerprint',
    )
    .option('--insecure', 'make them speak plain HTTP to the registry', false)
    .option('--replace', 'remove the container that has the name of --name first', false)
    .option('--ssh-command <words>', 'what reaches a host, as in "docker-machine ssh"', 'ssh')
    .action(async (words, options) => await (await import('./deploy.ts')).deploy(words, options))
    .copyInheritedSettings(program)
}

/** `berth deployments`. */
export function addDeployments(program: Command): void {
  const configOption = ['--config <config.yml>', 'the configuration of the server; inside a container Berth finds it'] as const
  const deployments = program
    .command('deployments')
    .description('Prints which host runs what, since when, and what failed, as agents report it; also while a server runs.')
    .option(...configOption)
    .option('--json', 'print JSON')
    .action(async (options) => await (await import('./deployments.ts')).listDeployments(options))
    .copyInheritedSettings(program)
  deployments
    .command('forget')
    .description('Forgets a host that is gone, for whose containers retention keeps images.')
    .argument('<host>', 'its name')
    .action(
      async (host, _, command) => await (await import('./deployments.ts')).forgetDeployments(host, command.optsWithGlobals()),
    )
    .copyInheritedSettings(program)
}
