import type { ComposedMail, MailToCompose } from '../../commands/ports/composer.ts'
import { workInThread } from '../../std/thread-work.ts'
import { composeMail } from './compose.ts'

/** A copy of a Buffer is a plain array of bytes on the other side. */
const withBuffers = (mail: MailToCompose): MailToCompose => ({
  ...mail,
  files: mail.files.map((file) => ({ ...file, content: Buffer.from(file.content) })),
})

workInThread(
  (mail: MailToCompose): Promise<ComposedMail> => composeMail(withBuffers(mail)),
  () => [],
)
