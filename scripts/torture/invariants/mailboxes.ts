import { refOf } from '../../../src/adapters/imap-smtp/places.ts'
import type { Placement } from '../../../src/domain/sync/events.ts'
import { ofType, type Evidence, type Invariant, type Logged } from '../evidence.ts'
import { EXCLUDED, sha256 } from '../world.ts'

const keyOf = ({ folder, ref }: Pick<Placement, 'folder' | 'ref'>): string => `${folder}/${ref}`

type Held = { readonly messageId: string; readonly raw: string; readonly quarantined: boolean }

/** Where the messages of an account are according to the log, and any contradictions. */
const placesOf = (events: readonly Logged[], accountId: string, broken: string[]): Map<string, Held> => {
  const places = new Map<string, Held>()
  const known = new Map<string, Held>()
  const put = (placement: Placement, held: Held | undefined) => {
    if (!held) return void broken.push(`${keyOf(placement)} is the place of a message that was never met`)
    const there = places.get(keyOf(placement))
    if (there && there.messageId !== held.messageId)
      broken.push(`${keyOf(placement)} is the place of ${there.messageId} and of ${held.messageId}`)
    places.set(keyOf(placement), held)
  }
  const wanted = [
    'MessageSynced',
    'MessageQuarantined',
    'MessageAddedToFolder',
    'MessageRemovedFromFolder',
  ] as const
  for (const event of ofType(events, ...wanted)) {
    if (event.data.accountId !== accountId) continue
    switch (event.type) {
      case 'MessageSynced':
      case 'MessageQuarantined': {
        const { messageId, raw, placement } = event.data
        if (known.has(messageId)) broken.push(`${messageId} was met for the first time twice`)
        const held = { messageId, raw, quarantined: event.type === 'MessageQuarantined' }
        known.set(messageId, held)
        put(placement, held)
        break
      }
      case 'MessageAddedToFolder':
        put(event.data.placement, known.get(event.data.messageId))
        break
      case 'MessageRemovedFromFolder':
        if (!places.delete(keyOf(event.data.placement)))
          broken.push(`${keyOf(event.data.placement)} was removed, and nothing lay there`)
    }
  }
  return places
}

const excludedOf = (events: readonly Logged[], accountId: string): Set<string> => {
  const excluded = new Set<string>()
  for (const { data } of ofType(events, 'ChangesSynced'))
    if (data.accountId === accountId) for (const exclusion of data.exclusions) excluded.add(keyOf(exclusion))
  return excluded
}

const isExcludable = (raw: Buffer): boolean => /^From: .*@spam\.test>/im.test(raw.toString('latin1'))

const checkAccount = (
  { world, asked, events }: Evidence,
  address: string,
  broken: string[],
): { lying: number; excluded: number; quarantined: number } => {
  const accountId = asked.accounts.get(address) ?? ''
  const told: string[] = []
  const places = placesOf(events, accountId, told)
  const excluded = excludedOf(events, accountId)
  const truth = new Map<string, Buffer>()
  for (const folder of ['INBOX', 'Sent']) {
    const uidValidity = String(asked.mailboxes.validity.get(`${address} ${folder}`) ?? 1)
    for (const { uid, raw } of world.imap.mailbox(address).messages(folder))
      truth.set(keyOf({ folder, ref: refOf(uidValidity, uid) }), raw)
  }
  let kept = 0
  for (const [key, raw] of truth) {
    const held = places.get(key)
    if (excluded.has(key)) {
      kept++
      if (held) told.push(`${key} is excluded and synced`)
      if (!isExcludable(raw)) told.push(`${key} is excluded, and no rule says so`)
    } else if (!held) told.push(`${key} is in the mailbox and not in the log`)
    else if (isExcludable(raw)) told.push(`${key} is synced, although ${EXCLUDED} excludes it`)
    else if (held.raw !== sha256(raw)) told.push(...sameMail(key, held, raw, events))
  }
  for (const key of places.keys())
    if (!truth.has(key)) told.push(`${key} is in the log and not in the mailbox`)
  broken.push(...told.map((what) => `${address}: ${what}`))
  const quarantined = [...places.values()].filter((held) => held.quarantined).length
  return { lying: truth.size, excluded: kept, quarantined }
}

/**
 * The same mail may be in two places in two forms (another Received line); identity and bytes of the first are kept.
 */
const sameMail = (key: string, held: Held, raw: Buffer, events: readonly Logged[]): string[] => {
  const first = ofType(events, 'MessageSynced').find(({ data }) => data.messageId === held.messageId)
  const id = /^Message-ID: <?([^>\r\n]*)/im.exec(raw.toString('latin1'))?.[1] ?? ''
  return first && id !== '' && first.data.header.messageId === id ? [] : [`${key} has other bytes in the log`]
}

export const mailboxesAreWhole: Invariant = {
  name: 'what lies in the mailboxes is synced, quarantined or excluded, each message once',
  atRest: true,
  check: (evidence) => {
    const broken: string[] = []
    const sums = evidence.world.onImap.map(({ address }) => checkAccount(evidence, address, broken))
    const sum = (name: 'lying' | 'excluded' | 'quarantined') =>
      sums.reduce((all, each) => all + each[name], 0)
    for (const { data } of ofType(evidence.events, 'ChangesSynced'))
      for (const counts of data.folders) {
        const { listed, stored, known, excluded, failed } = counts
        if (listed !== stored + known + excluded + failed)
          broken.push(`Sync run ${data.number}: ${JSON.stringify(counts)} does not add up`)
      }
    return {
      looked: `${sum('lying')} messages, ${sum('excluded')} excluded, ${sum('quarantined')} quarantined`,
      broken,
    }
  },
}
