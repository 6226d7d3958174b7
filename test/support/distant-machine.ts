import { PrivateMachine } from './private-machine.ts'
import { runToSuccess } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** A machine of its own, and a cable between it and this one, on which a wall of its own lets through what the test wants. */
export class DistantMachine implements AsyncDisposable {
  readonly machine: PrivateMachine
  /** Of this machine, at its end of the cable. */
  readonly near: string
  /** Of the other one. */
  readonly far: string

  private constructor(machine: PrivateMachine, near: string, far: string) {
    this.machine = machine
    this.near = near
    this.far = far
  }

  static async start(folder: TemporaryFolder): Promise<DistantMachine> {
    const machine = await PrivateMachine.start(folder, { addresses: [] })
    // Other tests may have such a cable at the same time.
    const number = process.pid % 16_384
    const net = `10.${96 + (number >> 12)}.${(number >> 4) & 255}`
    const [near, far] = [`${net}.${(number & 15) * 16 + 1}`, `${net}.${(number & 15) * 16 + 2}`]
    const name = `berth${number}`
    try {
      await machine.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', name, 'netns', String(process.pid))
      await machine.run('ip', 'addr', 'add', `${far}/30`, 'dev', 'up0')
      await machine.run('ip', 'link', 'set', 'up0', 'up')
      const { environment } = machine
      await runToSuccess(['ip', 'addr', 'add', `${near}/30`, 'dev', name], { environment })
      await runToSuccess(['ip', 'link', 'set', name, 'up'], { environment })
      return new DistantMachine(machine, near, far)
    } catch (error) {
      await machine[Symbol.asyncDispose]()
      throw error
    }
  }

  /** From now on no packet goes to a port of this machine or comes from it; nothing says so. */
  async wallOff(port: number): Promise<void> {
    await this.#wall('--append', port)
  }

  async open(port: number): Promise<void> {
    await this.#wall('--delete', port)
  }

  /** The cable goes with the machine. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]()
  }

  async #wall(change: '--append' | '--delete', port: number): Promise<void> {
    const rule = ['--protocol', 'tcp', '--jump', 'DROP']
    await this.machine.run('iptables', '--wait', change, 'OUTPUT', ...rule, '--dport', String(port))
    await this.machine.run('iptables', '--wait', change, 'INPUT', ...rule, '--sport', String(port))
  }
}
