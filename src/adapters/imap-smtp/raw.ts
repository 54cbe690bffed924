import { MailUnavailable, type MissingMessage, type RawMessage } from '../../commands/ports/mail-provider.ts'
import type { Placement } from '../../domain/sync/events.ts'
import { MAX_MESSAGE_BYTES } from './fetch.ts'
import type { ImapSession } from './imap.ts'
import { uidIn } from './places.ts'
import type { FolderView } from './plan.ts'

/** Folder by folder, in ranges. What is not handed out is either still there, and so withheld, or gone. */
export const rawOf = async function* (
  session: ImapSession,
  placements: readonly Placement[],
): AsyncGenerator<RawMessage | MissingMessage> {
  for (const [path, places] of Map.groupBy(placements, ({ folder }) => folder)) {
    const view = await entered(session, path)
    const left = new Map<number, Placement>()
    for (const placement of places) {
      const uid = view && uidIn(placement.ref, view.uidValidity)
      if (uid === null) yield { placement, missing: 'gone' }
      else left.set(uid, placement)
    }
    for await (const { uid, ...message } of session.fetch([...left.keys()])) {
      const placement = left.get(uid)
      if (placement === undefined) continue
      left.delete(uid)
      yield { placement, ...message }
    }
    const sizes = left.size === 0 ? new Map<number, number>() : await session.sizes([...left.keys()])
    for (const [uid, placement] of left) yield { placement, missing: whyMissing(sizes.get(uid)) }
  }
}

const whyMissing = (size: number | undefined): MissingMessage['missing'] => {
  if (size === undefined) return 'gone'
  return size > MAX_MESSAGE_BYTES ? 'too-large' : 'withheld'
}

/** Null if the folder no longer exists. */
const entered = async (session: ImapSession, path: string): Promise<FolderView | null> => {
  try {
    return await session.enter(path)
  } catch (error) {
    if (error instanceof MailUnavailable && error.kind === 'gone') return null
    throw error
  }
}
