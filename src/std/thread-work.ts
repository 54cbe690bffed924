import { parentPort, type Transferable } from 'node:worker_threads'
import type { Asked, Told } from './thread-pool.ts'

/** The other end of a pool, in a thread of it; elsewhere nothing. Tasks are done one after the other, so that the time of each is its own. */
export const workInThread = <Result>(
  work: (task: never) => Result | Promise<Result>,
  /** Buffers of the result, handed over instead of copied. */
  handedOf: (result: Result) => readonly Transferable[],
): void => {
  const port = parentPort
  if (port === null) return
  const next = async (before: Promise<void>, { id, task }: Asked<never>): Promise<void> => {
    await before
    const result = await work(task)
    const told: Told<Result> = { id, result }
    port.postMessage(told, [...handedOf(result)])
  }
  let turn = Promise.resolve()
  port.on('message', (asked: Asked<never>) => {
    turn = next(turn, asked)
  })
  port.postMessage('ready')
}
