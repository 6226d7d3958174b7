type Task = () => unknown

/** What has to go when the bench ends before its time. */
const tasks = new Set<Task>()

/** Has it done when somebody ends the bench; the answer takes that back. */
export function atEnd(task: Task): () => void {
  tasks.add(task)
  return () => tasks.delete(task)
}

export function cleanUpOnSignals(): void {
  const end = async () => {
    for (const task of [...tasks].reverse()) await task()
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
}
