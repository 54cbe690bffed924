import { Agent, request } from 'node:http'
import { parentPort, Worker, workerData } from 'node:worker_threads'

export type Load = {
  readonly url: string
  readonly paths: readonly string[]
  readonly requests: number
  readonly connections: number
}
export type LoadResult = {
  readonly perSecond: number
  readonly p99Ms: number
  readonly statuses: Record<number, number>
}

/** Sends GET requests from a thread of its own, over connections that stay open, each waiting for its answer. */
export const loadFromThread = (load: Load): Promise<LoadResult> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: load })
    worker.once('message', resolve)
    worker.once('error', reject)
  })

const run = async ({ url, paths, requests, connections }: Load): Promise<LoadResult> => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const times: number[] = []
  const statuses: Record<number, number> = {}
  let next = 0
  const ask = (path: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const started = performance.now()
      request(`${url}${path}`, {
        agent,
        headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0' },
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
        .end()
    })
  const started = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (next < requests) await ask(paths[next++ % paths.length]!)
    }),
  )
  const perSecond = (requests * 1000) / (performance.now() - started)
  agent.destroy()
  times.sort((a, b) => a - b)
  return { perSecond, p99Ms: times[Math.floor(times.length * 0.99)] ?? 0, statuses }
}

if (parentPort) {
  const port = parentPort
  void run(workerData as Load).then((result) => port.postMessage(result))
}
