type Task = () => unknown

/** What has to go when the bench ends before its time. */
const tasks = new Set<Task>()
let isEnding = false

/** Has it done when somebody ends the bench; the answer takes that back. */
export function atEnd(task: Task): () => void {
  tasks.add(task)
  return () => tasks.delete(task)
}

/** What fails while the bench ends, fails because it ends: whoever meets it waits here for the end. */
export async function waitIfEnding(): Promise<void> {
  if (isEnding) await new Promise<never>(() => undefined)
}

export function cleanUpOnSignals(): void {
  const end = async () => {
    isEnding = true
    for (const task of [...tasks].reverse()) await task()
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
}
