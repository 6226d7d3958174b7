import { once } from 'node:events'
import { fstatSync, openSync } from 'node:fs'
import { destination } from 'pino'
import { GatheredOutput } from './gathered-output.ts'
import type { LogOutput } from './log.ts'

const STANDARD_OUTPUT = 1
const STANDARD_ERROR = 2
/** A reader that has stopped reading costs at most this much memory; then lines are dropped. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024
/** And it does not keep the program from ending for longer than this. */
const MAX_END_MS = 1000
/** What a pipe takes in one piece (PIPE_BUF): lines of several processes on one pipe stay whole. */
const LARGEST_WRITE_BYTES = 4096
/** A file or a device takes any length in one piece. */
const LARGEST_FILE_WRITE_BYTES = 64 * 1024

export function standardError(): LogOutput {
  return outputTo(STANDARD_ERROR)
}

/** Adds to a file, which is made if it is not there. Throws what the system says when it cannot be opened. */
export function fileOutput(path: string): LogOutput {
  return outputTo(openToAdd(path))
}

/** For lines about requests, which come by the thousand: to a file as `fileOutput`, without a path to standard output. */
export function requestOutput(path: string | undefined): LogOutput {
  const fd = path === undefined ? STANDARD_OUTPUT : openToAdd(path)
  const kind = fstatSync(fd)
  const largest = kind.isFile() || kind.isCharacterDevice() ? LARGEST_FILE_WRITE_BYTES : LARGEST_WRITE_BYTES
  return new GatheredOutput(outputTo(fd), largest)
}

function openToAdd(path: string): number {
  return openSync(path, 'a', 0o640)
}

/** Writes off the event loop: lines that come while a write is under way leave together after it. */
function outputTo(fd: number): LogOutput {
  const stream = destination({ fd, sync: false, maxLength: MAX_WAITING_BYTES, maxWrite: LARGEST_WRITE_BYTES })
  // A closed pipe has no reader, and there is no other place to report that: it must not end the server.
  stream.on('error', () => undefined)
  let hasWaiting = false
  let hasEnded = false
  const settle = () => {
    hasWaiting = false
  }
  stream.on('drain', settle).on('error', settle)
  return {
    write: (line) => {
      if (hasEnded) return
      hasWaiting = true
      stream.write(line)
    },
    // The stream's flushSync leaves out the lines of the write that is under way, which an exit then cuts off. What is not read is
    // thrown away: at the exit the process would wait for its reader without end.
    end: async () => {
      hasEnded = true
      if (hasWaiting) await once(stream, 'drain', { signal: AbortSignal.timeout(MAX_END_MS) }).catch(() => stream.destroy())
    },
  }
}
