import type { ComposedMail, MailToCompose } from '../../commands/ports/composer.ts'
import { assemble, type Assembled, type Writing } from '../../domain/sending/assemble.ts'
import { workInThread } from '../../std/thread-work.ts'
import { composeMail } from './compose.ts'

export type MailTask = { readonly assemble: Writing } | { readonly compose: MailToCompose }
export type MailTaskDone = { readonly assembled?: Assembled; readonly composed?: ComposedMail }

/** A Buffer arrives at the other thread as a plain Uint8Array. */
const withBuffers = (mail: MailToCompose): MailToCompose => ({
  ...mail,
  files: mail.files.map((file) => ({ ...file, content: Buffer.from(file.content) })),
})

workInThread(
  async (task: MailTask): Promise<MailTaskDone> =>
    'assemble' in task
      ? { assembled: assemble(task.assemble) }
      : { composed: await composeMail(withBuffers(task.compose)) },
  () => [],
)
