import { Agent, request } from 'node:http'
import { parentPort, Worker, workerData } from 'node:worker_threads'

export type Load = {
  readonly url: string
  readonly paths: readonly string[]
  readonly requests: number
  readonly connections: number
  /** GET by default. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** In rotation, like the paths; no body by default. */
  readonly bodies?: readonly string[]
  /** How many are sent before the clock starts: a new thread is slow at first. */
  readonly warmUp?: number
}
export type LoadResult = {
  readonly perSecond: number
  readonly p99Ms: number
  readonly statuses: Record<number, number>
}

/** Sends requests from a thread of its own over keep-alive connections, each waiting for its answer. */
export const loadFromThread = (load: Load): Promise<LoadResult> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: load })
    worker.once('message', resolve)
    worker.once('error', reject)
  })

const run = async (load: Load): Promise<LoadResult> => {
  const { url, paths, requests, connections, method = 'GET', bodies, warmUp = 0 } = load
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  let times: number[] = []
  let statuses: Record<number, number> = {}
  let next = 0
  const ask = (nth: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const path = paths[nth % paths.length]!
      const body = bodies?.[nth % bodies.length]
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
      const started = performance.now()
      request(`${url}${path}`, {
        agent,
        method,
        headers: {
          'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0',
          ...length,
          ...load.headers,
        },
      })
        .on('response', (answer) => {
          answer.resume().on('end', () => {
            times.push(performance.now() - started)
            const status = answer.statusCode ?? 0
            statuses[status] = (statuses[status] ?? 0) + 1
            resolve()
          })
        })
        .on('error', reject)
        .end(body)
    })
  const askUpTo = (end: number) =>
    Promise.all(
      Array.from({ length: connections }, async () => {
        while (next < end) await ask(next++)
      }),
    )
  await askUpTo(warmUp)
  times = []
  statuses = {}
  const started = performance.now()
  await askUpTo(warmUp + requests)
  const perSecond = (requests * 1000) / (performance.now() - started)
  agent.destroy()
  times.sort((a, b) => a - b)
  return { perSecond, p99Ms: times[Math.floor(times.length * 0.99)] ?? 0, statuses }
}

if (parentPort) {
  const port = parentPort
  void run(workerData as Load).then((result) => port.postMessage(result))
}
