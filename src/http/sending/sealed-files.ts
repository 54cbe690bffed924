import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { attachedFile, type Draft } from '../../domain/sending/events.ts'
import { attachmentMissing } from '../../domain/sending/refusals.ts'

type Attached = Draft['attachments'][number]

/**
 * A file as the API names it: `blob` is the hash of its content and our seal over it. To know a hash is not to have
 * the file, so the seal is given with the answer to an upload, and with a draft to those who may see that.
 */
export const sealedFile = attachedFile.extend({
  blob: z
    .string()
    .regex(/^[0-9a-f]{64}\.[\w-]{43}$/)
    .describe('As returned by the upload or the draft'),
})

export type FileSeals = {
  readonly seal: <File extends Pick<Attached, 'blob'>>(file: File) => File
  /** @throws Refused `attachment-missing`, as for what was never uploaded */
  readonly open: (files: readonly Attached[]) => Attached[]
}

/** `key` is the same in all processes, and for as long as there are drafts. */
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
