import { createHash } from 'node:crypto'
import type { Draft } from '../../domain/sending/events.ts'
import type { BlobStore } from '../ports/blobs.ts'

export type NewFile = { readonly name: string; readonly contentType: string; readonly content: Buffer }

/** Keeps a file to be attached. The same content again gives the same `blob`. */
export const keepFile =
  (deps: { blobs: BlobStore }) =>
  async ({
    name,
    contentType,
    content,
  }: NewFile): Promise<Omit<Draft['attachments'][number], 'contentId'>> => {
    const blob = createHash('sha256').update(content).digest('hex')
    await deps.blobs.put([{ hash: blob, content }])
    return { name, contentType, size: content.length, blob }
  }
