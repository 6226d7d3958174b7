import type { StorageDriver } from './driver.ts'

/** Runs an action and notes how long it took. */
export type Timer = <Result>(action: string, run: () => Promise<Result>) => Promise<Result>

/** The same storage, whose actions are timed under the names that registry:2 gives them. Bytes that stream are not, as there. */
export function timedStorage(storage: StorageDriver, time: Timer): StorageDriver {
  return {
    capabilities: storage.capabilities,
    stat: (path) => time('Stat', () => storage.stat(path)),
    readSmall: (path, maxBytes) => time('GetContent', () => storage.readSmall(path, maxBytes)),
    list: (path) => time('List', () => storage.list(path)),
    listFiles: (path, after) => time('List', () => storage.listFiles(path, after)),
    place: (...placed) => time('PutContent', () => storage.place(...placed)),
    remove: (path, visibleBy) => time('Delete', () => storage.remove(path, visibleBy)),
    removeOnlyFiles: (paths) => time('Delete', () => storage.removeOnlyFiles(paths)),
    untilFreed: () => storage.untilFreed(),
    removeEmptyDirectories: (paths) => time('Delete', () => storage.removeEmptyDirectories(paths)),
    move: (from, to) => time('Move', () => storage.move(from, to)),
    completeUpload: (...upload) => time('Move', () => storage.completeUpload(...upload)),
    makeDurable: (path) => storage.makeDurable(path),
    redirectUrl: (path) => storage.redirectUrl(path),
    content: (...part) => storage.content(...part),
    beginUpload: (target, options) => storage.beginUpload(target, options),
    resumeUpload: (state, offset) => storage.resumeUpload(state, offset),
    readUpload: (...part) => storage.readUpload(...part),
    openUpload: (state) => storage.openUpload(state),
    abortUpload: (state) => storage.abortUpload(state),
    listUploads: () => storage.listUploads(),
    removeLeftovers: (untouchedForMs) => storage.removeLeftovers(untouchedForMs),
    removeLeftoversOf: (isGone) => storage.removeLeftoversOf(isGone),
    space: () => storage.space(),
    close: () => storage.close(),
  }
}
