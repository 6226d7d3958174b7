import { checkpoint } from './checkpoint.ts'

/** A thread of its own: it gets a path, folds the log in, and says so, or why it could not: what it throws, the runtime prints. */
declare const self: Worker

self.onmessage = (event: MessageEvent<string>) => {
  try {
    checkpoint(event.data)
    self.postMessage(undefined)
  } catch (error) {
    self.postMessage(String(error))
  }
}
