import type { Command, Option } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const

/** What a shell loads to complete the words of a command line. */
export function completionScript(shell: (typeof SHELLS)[number], program: Command): string {
  switch (shell) {
    case 'bash':
      return bashScript(program)
    case 'zsh':
      return zshScript(program)
    case 'fish':
      return fishScript(program)
  }
}

function bashScript(program: Command): string {
  const name = program.name()
  const cases = program.commands.map((command) => `    ${command.name()}) words='${wordsAfter(command).join(' ')}' ;;`)
  return `_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${firstWords(program).join(' ')}' -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
    *) words= ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
}
complete -o filenames -F _${name} ${name}
`
}

function zshScript(program: Command): string {
  const name = program.name()
  const commands = program.commands.map((command) => `    ${quoted(`${command.name()}:${command.description()}`)}`)
  const cases = program.commands.map(
    (command) => `    ${command.name()}) compadd -- ${wordsAfter(command).map(quoted).join(' ')}; _files ;;`,
  )
  return `#compdef ${name}
_${name}() {
  local -a commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    compadd -- ${optionNames(program).join(' ')}
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
}
compdef _${name} ${name}
`
}

function fishScript(program: Command): string {
  const name = program.name()
  const first = program.commands.map(
    (command) => `complete -c ${name} -n __fish_use_subcommand -f -a ${command.name()} -d ${quoted(command.description())}`,
  )
  const rest = program.commands.flatMap((command) =>
    visibleOptions(command).map(
      (option) =>
        `complete -c ${name} -n '__fish_seen_subcommand_from ${command.name()}' -l ${option.name()} -d ${quoted(option.description)}`,
    ),
  )
  const choices = program.commands.flatMap((command) =>
    choicesOf(command).map((word) => `complete -c ${name} -n '__fish_seen_subcommand_from ${command.name()}' -f -a ${word}`),
  )
  return `${[...first, ...rest, ...choices].join('\n')}\n`
}

function firstWords(program: Command): string[] {
  return [...program.commands.map((command) => command.name()), ...optionNames(program)]
}

function wordsAfter(command: Command): string[] {
  return [...choicesOf(command), ...optionNames(command)]
}

/** The commands below it, or what may stand for its arguments. */
function choicesOf(command: Command): string[] {
  const commands = command.commands.map((below) => below.name())
  return [...commands, ...choicesOfArguments(command)]
}

function choicesOfArguments(command: Command): string[] {
  return command.registeredArguments.flatMap((argument) => argument.argChoices ?? [])
}

function optionNames(command: Command): string[] {
  return visibleOptions(command).flatMap((option) => option.long ?? [])
}

function visibleOptions(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command)
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
