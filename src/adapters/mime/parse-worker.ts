import { parentPort } from 'node:worker_threads'
import { UnreadableMail, type ParsedMail } from '../../commands/ports/parser.ts'
import { JoinedParts } from './joined-parts.ts'
import { isReason, type Reason } from './limits.ts'
import { readMail } from './read-mail.ts'

/** What goes to a worker, and comes from it. Bytes are handed over, not copied. */
export type Task = { readonly id: number; readonly raw: Uint8Array<ArrayBuffer> }
export type Result =
  | { readonly id: number; readonly mail: ParsedMail }
  | { readonly id: number; readonly reason: Reason }

const reasonOf = (error: unknown): Reason => {
  if (error instanceof UnreadableMail && isReason(error.reason)) return error.reason
  const message = error instanceof Error ? error.message : ''
  if (/nesting depth/i.test(message)) return 'too-deep'
  if (/header size/i.test(message)) return 'headers-too-large'
  return 'unparsable'
}

const resultOf = async ({ id, raw }: Task): Promise<Result> => {
  try {
    return { id, mail: await readMail(raw) }
  } catch (error) {
    return { id, reason: reasonOf(error) }
  }
}

const buffersOf = (result: Result): ArrayBuffer[] =>
  'mail' in result
    ? result.mail.attachments.flatMap(({ content: { buffer } }) =>
        buffer instanceof ArrayBuffer ? [buffer] : [],
      )
    : []

Object.defineProperty(globalThis, 'Blob', { value: JoinedParts })

const port = parentPort
if (port !== null) {
  const work = async (before: Promise<void>, task: Task): Promise<void> => {
    await before
    const result = await resultOf(task)
    port.postMessage(result, buffersOf(result))
  }
  // One after the other, so that the time of each is its own.
  let turn = Promise.resolve()
  port.on('message', (task: Task) => {
    turn = work(turn, task)
  })
  port.postMessage('ready')
}
