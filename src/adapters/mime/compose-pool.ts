import type { ComposeMail, ComposedMail, MailToCompose } from '../../commands/ports/composer.ts'
import { threadPool } from '../../std/thread-pool.ts'
import { refuseUncomposable } from './compose.ts'

/** Bytes from another thread arrive as a plain Uint8Array, whatever they were there. */
const asBuffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length)

const LIMITS = { threads: 1, timeMs: 60_000, memoryMb: 512 }

/** Composes mail in a thread of its own, so that a large one holds up nothing else in the process. */
export const mailComposer = (): { readonly compose: ComposeMail; close(): Promise<void> } => {
  const threads = threadPool<MailToCompose, ComposedMail>(
    new URL('./compose-worker.ts', import.meta.url),
    LIMITS,
  )
  return {
    compose: async (mail) => {
      // Checked here, because a refusal from another thread would not arrive as one.
      refuseUncomposable(mail)
      const composed = await threads.run(() => ({ task: mail, buffers: [] }))
      return { ...composed, mime: asBuffer(composed.mime), copy: asBuffer(composed.copy) }
    },
    close: () => threads.close(),
  }
}
