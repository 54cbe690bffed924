import type { AssembleMail, ComposeMail } from '../../commands/ports/composer.ts'
import { assemble, type Writing } from '../../domain/sending/assemble.ts'
import { threadPool } from '../../std/thread-pool.ts'
import type { MailTask, MailTaskDone } from './compose-worker.ts'
import { refuseUncomposable } from './compose.ts'

/** Bytes from another thread arrive as a plain Uint8Array, whatever they were there. */
const asBuffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length)

const LIMITS = { threads: 1, timeMs: 60_000, memoryMb: 512 }

/** What is shorter takes a few milliseconds, about as long as handing it over does. */
const SHORT_CHARACTERS = 10_000

const isShort = ({ draft, template, signature }: Writing): boolean =>
  draft.html.length + (template?.html.length ?? 0) + signature.length <= SHORT_CHARACTERS

type MailComposer = { readonly assemble: AssembleMail; readonly compose: ComposeMail; close(): Promise<void> }

/**
 * Assembles and composes mail in a thread of its own: a large one holds up nothing else in the process. Accounts take
 * turns, however many mails one of them has.
 */
export const mailComposer = (): MailComposer => {
  const threads = threadPool<MailTask, MailTaskDone>(new URL('./compose-worker.ts', import.meta.url), LIMITS)
  return {
    assemble: async (writing) => {
      if (isShort(writing)) return assemble(writing)
      const { assembled } = await threads.run(() => ({ task: { assemble: writing }, buffers: [] }), {
        by: writing.values['account.email'] ?? '',
      })
      if (!assembled) throw new TypeError('The thread has done something else')
      return assembled
    },
    compose: async (mail) => {
      // Checked here, because a refusal from another thread would not arrive as one.
      refuseUncomposable(mail)
      const { composed } = await threads.run(() => ({ task: { compose: mail }, buffers: [] }), {
        by: mail.from.address,
      })
      if (!composed) throw new TypeError('The thread has done something else')
      return { ...composed, mime: asBuffer(composed.mime), copy: asBuffer(composed.copy) }
    },
    close: () => threads.close(),
  }
}
