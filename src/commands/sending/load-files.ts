import { Refused } from '../../domain/decider.ts'
import { MAX_FILES_BYTES, type Draft } from '../../domain/sending/events.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { ComposedFile } from '../ports/composer.ts'

/** The contents of what is attached. @throws Refused `attachments-too-large`, `attachment-missing` */
export const loadFiles = async (
  blobs: BlobStore,
  attached: Draft['attachments'],
): Promise<ComposedFile[]> => {
  const files: ComposedFile[] = []
  let total = 0
  for (const { name, contentType, blob, contentId } of attached) {
    const content = await blobs.get(blob)
    if (!content)
      throw new Refused(
        'attachment-missing',
        `The file ${name} was never uploaded`,
        'Upload the file, and name it as the answer does.',
        { name, blob },
      )
    total += content.length
    if (total > MAX_FILES_BYTES)
      throw new Refused(
        'attachments-too-large',
        'The files of the message are more than 25 MB together',
        'Send fewer files, or links to them.',
        { limitBytes: MAX_FILES_BYTES },
      )
    files.push({ name, contentType, content, ...(contentId === undefined ? {} : { cid: contentId }) })
  }
  return files
}
