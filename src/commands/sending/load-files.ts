import { defineRefusal } from '../../domain/refusal.ts'
import { MAX_FILES_BYTES, type Draft } from '../../domain/sending/events.ts'
import { attachmentMissing } from '../../domain/sending/refusals.ts'
import { soundBlob, type BlobStore } from '../ports/blobs.ts'
import type { ComposedFile } from '../ports/composer.ts'

const attachmentsTooLarge = defineRefusal('attachments-too-large', {
  title: 'Attachments too large',
  meaning: 'The files attached to an email can be at most 25 MB together.',
  remedy: 'Send fewer files, or links to them.',
})

/** By the sizes that they were uploaded with. @throws Refused `attachments-too-large` */
export const requireSmall = (attached: Draft['attachments']): void => {
  const total = attached.reduce((sum, { size }) => sum + size, 0)
  if (total > MAX_FILES_BYTES) throw attachmentsTooLarge({ details: { limitBytes: MAX_FILES_BYTES } })
}

/** The contents of the attachments. @throws Refused `attachments-too-large`, `attachment-missing` */
export const loadFiles = async (
  blobs: BlobStore,
  attached: Draft['attachments'],
): Promise<ComposedFile[]> => {
  const files: ComposedFile[] = []
  let total = 0
  for (const { name, contentType, blob, contentId } of attached) {
    // Whoever uploads a damaged file again repairs it.
    const content = await soundBlob(blobs, blob)
    if (!content)
      throw attachmentMissing({ detail: `The file ${name} is not in the store.`, details: { name, blob } })
    total += content.length
    if (total > MAX_FILES_BYTES) throw attachmentsTooLarge({ details: { limitBytes: MAX_FILES_BYTES } })
    files.push({ name, contentType, content, ...(contentId === undefined ? {} : { cid: contentId }) })
  }
  return files
}
