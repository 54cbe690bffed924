import type { Placement, WithheldMessage } from '../../domain/sync/events.ts'
import { isWanted } from '../../domain/sync/wanted-folders.ts'
import { defineCode } from '../../domain/refusal.ts'
import { MailUnavailable } from '../ports/mail-provider.ts'
import { placeKey, type Run } from './run.ts'
import type { Outcome } from './store-messages.ts'

/** A message that was asked for so often is not asked for in every run any more. */
const ATTEMPTS = 3
const ASKED_AGAIN_AFTER_MS = 30 * 60_000
/** More of them say that something is wrong with the mailbox, and are more than an event should hold. */
const MOST_WITHHELD = 1000

const tooManyWithheld = defineCode('too-many-withheld', {
  title: 'Too many messages withheld',
  meaning: `The mailbox lists more than ${MOST_WITHHELD} messages that could not be had from it.`,
  remedy: 'Ask the provider why messages cannot be read. The sync continues where it stopped once they can.',
})

/** Those to ask for in this run, of the folders that the account's settings name. */
export const dueWithheld = ({ withheld, account, trigger }: Run, now: Date): Placement[] =>
  [...withheld.values()].flatMap(({ placement, attempts, askedAt }) => {
    const isDue =
      attempts < ATTEMPTS ||
      trigger === 'request' ||
      now.getTime() - Date.parse(askedAt) >= ASKED_AGAIN_AFTER_MS
    return isDue && isWanted(placement, account.settings.folders) ? [placement] : []
  })

/**
 * What is withheld after these were asked for or have gone.
 * @throws MailUnavailable where that is too much: then nothing is recorded, and all of it is met again
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
