import { parentPort } from 'node:worker_threads'
import { UnreadableMail, type ParsedMail } from '../../commands/ports/parser.ts'
import { isReason, type Reason } from './limits.ts'
import { readMail } from './read-mail.ts'

/** What goes to a worker, and comes from it. Bytes are handed over, not copied. */
export type Task = { readonly id: number; readonly raw: Uint8Array<ArrayBuffer> }
export type Result =
  | { readonly id: number; readonly mail: ParsedMail }
  | { readonly id: number; readonly reason: Reason }

const reasonOf = (error: unknown): Reason => {
  if (error instanceof UnreadableMail && isReason(error.reason)) return error.reason
  return 'unparsable'
}

const resultOf = ({ id, raw }: Task): Result => {
  try {
    return { id, mail: readMail(raw) }
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

const port = parentPort
if (port !== null) {
  port.on('message', (task: Task) => {
    const result = resultOf(task)
    port.postMessage(result, buffersOf(result))
  })
  port.postMessage('ready')
}
