import type { ComposeMail, ComposedMail, MailToCompose } from '../../commands/ports/composer.ts'
import { threadPool } from '../../std/thread-pool.ts'
import { refuseUncomposable } from './compose.ts'

/** What comes from another thread is a plain array of bytes, whatever it was there. */
const asBuffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length)

const LIMITS = { threads: 1, timeMs: 60_000, memoryMb: 512 }

/** Composes mail in a thread of its own: a large one holds up nothing else in the process. */
export const mailComposer = (): { readonly compose: ComposeMail; close(): Promise<void> } => {
  const threads = threadPool<MailToCompose, ComposedMail>(
    new URL('./compose-worker.ts', import.meta.url),
    LIMITS,
  )
  return {
    compose: async (mail) => {
      // Here, since a refusal that came from a thread would be none.
      refuseUncomposable(mail)
      const composed = await threads.run(() => ({ task: mail, buffers: [] }))
      return { ...composed, mime: asBuffer(composed.mime), copy: asBuffer(composed.copy) }
    },
    close: () => threads.close(),
  }
}
