import type { ImapFlow } from 'imapflow'
import { portFlags } from './flags.ts'
import type { FolderView, Resync } from './plan.ts'
import { unavailable } from './problems.ts'

/** A state of a folder that a server can be asked about: what has happened since (RFC 7162 3.2.5). */
export type FolderState = { readonly uidValidity: string; readonly modseq: string }

/** More UIDs that have vanished are not taken in; then the folder is compared. */
const MOST_VANISHED = 100_000

type Vanished = { readonly path: string; readonly uid?: number; readonly earlier?: boolean }
type Changed = { readonly path: string; readonly uid?: number; readonly flags?: Iterable<string> }

/** Notes what a server tells of a folder while it is opened. */
const listen = (client: ImapFlow) => {
  const vanished: { path: string; uid: number }[] = []
  const changed: { path: string; uid: number; flags: string[] }[] = []
  const onVanished = ({ path, uid, earlier }: Vanished): void => {
    if (uid !== undefined && earlier === true && vanished.length <= MOST_VANISHED)
      vanished.push({ path, uid })
  }
  const onFlags = ({ path, uid, flags: now }: Changed): void => {
    if (uid !== undefined && now !== undefined) changed.push({ path, uid, flags: portFlags(now) })
  }
  client.on('expunge', onVanished)
  client.on('flags', onFlags)
  return {
    resync: (opened: string): Resync | null =>
      vanished.length > MOST_VANISHED
        ? null
        : {
            vanished: vanished
              .filter(({ path }) => path === opened)
              .map(({ uid }) => uid)
              .toSorted((a, b) => a - b),
            flags: changed.filter(({ path }) => path === opened).map(({ uid, flags }) => ({ uid, flags })),
          },
    stop: () => {
      client.off('expunge', onVanished)
      client.off('flags', onFlags)
    },
  }
}

/** Opens a folder read-only. `since`: a state of it from before, to be told what has happened since if the server can. */
export const openFolder = async (
  client: ImapFlow,
  path: string,
  since: FolderState | null,
): Promise<FolderView> => {
  const heard = listen(client)
  try {
    const asked =
      since === null ? {} : { changedSince: BigInt(since.modseq), uidValidity: BigInt(since.uidValidity) }
    const box = await client.mailboxOpen(path, { readOnly: true, ...asked })
    // Optional in old servers' answer to EXAMINE (RFC 3501 6.3.2), so ask again before giving up.
    const status = box.uidNext > 0 ? box : await client.status(path, { uidNext: true })
    if (status === false || status.uidNext === undefined) throw unavailable('folder-unavailable')
    // Some servers announce CONDSTORE but number nothing, so it counts only if it was enabled and a number was given.
    const numbers =
      client.enabled.has('CONDSTORE') && box.highestModseq !== undefined && box.noModseq !== true
    const uidValidity = String(box.uidValidity)
    const isResync = client.enabled.has('QRESYNC') && numbers && since?.uidValidity === uidValidity
    return {
      uidValidity,
      uidNext: status.uidNext,
      messages: box.exists,
      modseq: numbers ? String(box.highestModseq) : null,
      resync: isResync ? heard.resync(box.path) : null,
    }
  } finally {
    heard.stop()
  }
}
