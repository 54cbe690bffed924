import type { Placement, WithheldMessage } from '../../domain/sync/events.ts'
import { isWanted } from '../../domain/sync/wanted-folders.ts'
import { defineCode } from '../../domain/refusal.ts'
import { MailUnavailable } from '../ports/mail-provider.ts'
import { placeKey, type Run } from './run.ts'
import type { Outcome } from './store-messages.ts'

/** A message that was requested this often is no longer requested in every run. */
const ATTEMPTS = 3
const ASKED_AGAIN_AFTER_MS = 30 * 60_000
/** More than this means that something is wrong with the mailbox, and is more than an event should hold. */
const MOST_WITHHELD = 1000

const tooManyWithheld = defineCode('too-many-withheld', {
  title: 'Too many messages withheld',
  meaning: `The mailbox lists more than ${MOST_WITHHELD} messages that it does not hand out.`,
  remedy: 'Ask the provider why messages cannot be read. Once they can, the sync continues where it stopped.',
})

/** Those to request in this run, from the folders that the account's settings name. */
export const dueWithheld = ({ withheld, account, trigger }: Run, now: Date): Placement[] =>
  [...withheld.values()].flatMap(({ placement, attempts, askedAt }) => {
    const isDue =
      attempts < ATTEMPTS ||
      trigger === 'request' ||
      now.getTime() - Date.parse(askedAt) >= ASKED_AGAIN_AFTER_MS
    return isDue && isWanted(placement, account.settings.folders) ? [placement] : []
  })

/**
 * What is still withheld after these were requested or have gone.
 * @throws MailUnavailable if that is too much: then nothing is recorded, and everything is found again
 */
export const withheldAfter = (
  withheld: Run['withheld'],
  settled: readonly Placement[],
  outcomes: readonly Outcome[],
  now: Date,
): Map<string, WithheldMessage> => {
  const after = new Map(withheld)
  for (const placement of settled) after.delete(placeKey(placement))
  for (const outcome of outcomes) {
    if (outcome.became !== 'withheld') continue
    const { placement, why } = outcome
    const key = placeKey(placement)
    const attempts = (withheld.get(key)?.attempts ?? 0) + 1
    after.set(key, { placement, attempts, askedAt: now.toISOString(), why })
  }
  if (after.size <= MOST_WITHHELD || after.size <= withheld.size) return after
  const { code, meaning, remedy } = tooManyWithheld
  throw new MailUnavailable('temporary', code, meaning, remedy)
}
