import { UnreadableMail, type ParsedMail } from '../../commands/ports/parser.ts'
import { workInThread } from '../../std/thread-work.ts'
import { isReason, type Reason } from './limits.ts'
import { readMail } from './read-mail.ts'

/** The messages to and from a worker. Bytes are transferred, not copied. */
export type Task = Uint8Array<ArrayBuffer>
export type Result = { readonly mail: ParsedMail } | { readonly reason: Reason }

const reasonOf = (error: unknown): Reason => {
  if (error instanceof UnreadableMail && isReason(error.reason)) return error.reason
  return 'unparsable'
}

const resultOf = (raw: Task): Result => {
  try {
    return { mail: readMail(raw) }
  } catch (error) {
    return { reason: reasonOf(error) }
  }
}

const buffersOf = (result: Result): ArrayBuffer[] =>
  'mail' in result
    ? result.mail.attachments.flatMap(({ content: { buffer } }) =>
        buffer instanceof ArrayBuffer ? [buffer] : [],
      )
    : []

workInThread(resultOf, buffersOf)
