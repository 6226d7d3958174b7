import { type ResponseHead, Socket } from './socket.ts'

/** One connection of a load, as a process of its own: it makes ready, says so, waits for the word, works, and reports. */

export type Job = DownloadJob | UploadJob

interface DownloadJob {
  readonly kind: 'download'
  readonly port: number
  readonly path: string
  readonly times: number
  /** Of the blob, where what comes is counted. */
  readonly bytes?: number
}

interface UploadJob {
  readonly kind: 'upload'
  readonly port: number
  readonly repository: string
  readonly blobs: readonly PreparedBlob[]
  /** POST and one PUT, as containerd does it; POST, PATCH and PUT when left out. */
  readonly inOnePut?: boolean
}

/** A blob whose bytes nobody has pushed before: the beginning of a file that all share, and an end of its own. */
export interface PreparedBlob {
  readonly digest: string
  readonly size: number
  readonly file: string
  /** Base64. */
  readonly end: string
}

export interface JobReport {
  readonly cpuSeconds: number
  readonly error: string | undefined
}

function download(socket: Socket, { path, times, bytes }: DownloadJob): void {
  for (let time = 0; time < times; time += 1) {
    socket.send(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`))
    const size = Number(expected(socket.receiveHead(), 200).headers.get('content-length') ?? 0)
    socket.discard(size)
    if (bytes !== undefined && size !== bytes) throw new Error(`${size} of ${bytes} bytes came`)
  }
}

function upload(socket: Socket, { repository, blobs, inOnePut = false }: UploadJob): void {
  for (const blob of blobs) {
    const opened = locationOf(ask(socket, `POST /v2/${repository}/blobs/uploads/`, 0, 202))
    if (inOnePut) {
      sendBlob(socket, `PUT ${withDigest(opened, blob)}`, blob)
      expected(answerTo(socket), 201)
      continue
    }
    sendBlob(socket, `PATCH ${opened}`, blob)
    const patched = locationOf(expected(answerTo(socket), 202))
    ask(socket, `PUT ${withDigest(patched, blob)}`, 0, 201)
  }
}

function sendBlob(socket: Socket, request: string, { size, file, end }: PreparedBlob): void {
  const last = Buffer.from(end, 'base64')
  socket.send(headBytes(request, size))
  socket.sendFile(file, size - last.length)
  socket.send(last)
}

function withDigest(location: string, { digest }: PreparedBlob): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`
}

function ask(socket: Socket, request: string, length: number, status: number): ResponseHead {
  socket.send(headBytes(request, length))
  return expected(answerTo(socket), status)
}

function answerTo(socket: Socket): ResponseHead {
  const head = socket.receiveHead()
  socket.discard(Number(head.headers.get('content-length') ?? 0))
  return head
}

function headBytes(request: string, length: number): Uint8Array {
  return Buffer.from(
    `${request} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: ${length}\r\n\r\n`,
  )
}

function locationOf(head: ResponseHead): string {
  return (head.headers.get('location') ?? '').replace(/^https?:\/\/[^/]*/, '')
}

function expected(head: ResponseHead, status: number): ResponseHead {
  if (head.status === status) return head
  throw new Error(`answered ${head.status}, not ${status}`)
}

function work(socket: Socket, job: Job): JobReport {
  const before = process.cpuUsage()
  let error: string | undefined
  try {
    if (job.kind === 'download') download(socket, job)
    else upload(socket, job)
  } catch (cause) {
    error = String(cause)
  }
  const { user, system } = process.cpuUsage(before)
  return { cpuSeconds: (user + system) / 1e6, error }
}

const job = JSON.parse(await Bun.file(process.argv[2] ?? '').text()) as Job
const socket = new Socket(job.port)
process.once('message', () => {
  process.send?.(work(socket, job))
  process.disconnect?.()
})
process.send?.('ready')
