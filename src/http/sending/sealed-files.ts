import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { attachedFile, type Draft } from '../../domain/sending/events.ts'
import { attachmentMissing } from '../../domain/sending/refusals.ts'

type Attached = Draft['attachments'][number]

/**
 * A file as the API refers to it: `blob` is the hash of its content plus our seal over it. Knowing a hash must not give
 * access to the file, so the seal is handed out only with the upload, and with a draft to whoever may see it.
 */
export const sealedFile = attachedFile.extend({
  blob: z
    .string()
    .regex(/^[0-9a-f]{64}\.[\w-]{43}$/)
    .describe('As returned by the upload or the draft'),
})

export type FileSeals = {
  readonly seal: <File extends Pick<Attached, 'blob'>>(file: File) => File
  /** @throws Refused `attachment-missing`, as for a file that was never uploaded */
  readonly open: (files: readonly Attached[]) => Attached[]
}

/** `key` is the same in all processes, for as long as there are drafts. */
export const fileSeals = (key: Uint8Array): FileSeals => {
  const sealed = (hash: string): string =>
    `${hash}.${createHmac('sha256', key).update(hash).digest('base64url')}`
  return {
    seal: (file) => ({ ...file, blob: sealed(file.blob) }),
    open: (files) =>
      files.map((file) => {
        const hash = file.blob.slice(0, 64)
        const [given, ours] = [Buffer.from(file.blob), Buffer.from(sealed(hash))]
        if (given.length !== ours.length || !timingSafeEqual(given, ours))
          throw attachmentMissing({ detail: `The file ${file.name} was never uploaded.` })
        return { ...file, blob: hash }
      }),
  }
}
