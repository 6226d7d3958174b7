import { checkpoint } from './checkpoint.ts'

/** A thread of its own: it gets a path, folds the log in, and says so. */
declare const self: Worker

self.onmessage = (event: MessageEvent<string>) => {
  checkpoint(event.data)
  self.postMessage('done')
}
