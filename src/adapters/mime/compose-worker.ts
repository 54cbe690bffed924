import type { ComposedMail, MailToCompose } from '../../commands/ports/composer.ts'
import { workInThread } from '../../std/thread-work.ts'
import { composeMail } from './compose.ts'

/** A Buffer arrives at the other thread as a plain Uint8Array. */
const withBuffers = (mail: MailToCompose): MailToCompose => ({
  ...mail,
  files: mail.files.map((file) => ({ ...file, content: Buffer.from(file.content) })),
})

workInThread(
  (mail: MailToCompose): Promise<ComposedMail> => composeMail(withBuffers(mail)),
  () => [],
)
