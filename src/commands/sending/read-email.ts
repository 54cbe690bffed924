import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { Known, Load } from '../handle.ts'
import { soundBlob, type BlobStore } from '../ports/blobs.ts'

export type ReadEmailDeps = { readonly load: Load; readonly blobs: BlobStore }

/** Where an email stands, and its bytes if it waits to be sent; null where they are too many to be kept for its turn. */
export type EmailRead = { readonly loaded: Known<OutgoingEmail>; readonly mime: Buffer | null }

const MOST_BYTES_KEPT = 128 * 1024

/** Reads what sending an email takes. What may change meanwhile without a trace in its stream is not read here. */
export const readEmail =
  ({ load, blobs }: ReadEmailDeps) =>
  async (outgoingId: string): Promise<EmailRead> => {
    const loaded = await load(outgoingEmail, outgoingStream(outgoingId))
    const { state } = loaded
    const isWaiting = state.status === 'queued' || state.status === 'deferred'
    if (!isWaiting || state.email.mime.size > MOST_BYTES_KEPT) return { loaded, mime: null }
    return { loaded, mime: await soundBlob(blobs, state.email.mime.blob) }
  }
