import type { MailTrouble } from '../mail-trouble.ts'
import { definedCodes, defineCode, type CodeDefinition } from '../refusal.ts'
import { isRead, isSending, type AccountFacts, type Trouble } from './account-facts.ts'
import { progressInWords } from '../sync/folder-progress.ts'
import type { MailboxStorage } from '../sync/mailbox-storage.ts'
import { accountDisconnected, accountPaused } from './refusals.ts'

/**
 * The status of an account, the same wherever it is shown. `connecting`: its mailbox has not been read to the end yet,
 * and nothing is wrong. `degraded`: something was missed or soon will be, or time may help. `throttled`: the provider asks us to wait.
 * `needs-reauthentication`: somebody has to sign in again or grant more access.
 */
export const accountStatuses = [
  'disconnected',
  'paused',
  'needs-reauthentication',
  'throttled',
  'degraded',
  'connecting',
  'active',
] as const
export type AccountStatus = (typeof accountStatuses)[number]

/** A reason for a status; the first of several has decided it. `retryAt`: when an email is tried again because of it. */
export type StatusReason = Trouble & { readonly status: AccountStatus; readonly retryAt?: string }

/** This many temporary failures in a row are about the account, not about a single email. */
export const DEFERRALS_IN_A_ROW = 5

/**
 * The status with every reason for it, the deciding one first; every status except `active` has a reason. `nextTryAt`:
 * when it is tried again by itself, or else when the mailbox is read next (`syncDueAt`).
 */
export const accountStatus = (
  facts: AccountFacts,
  syncDueAt: string | null,
): { status: AccountStatus; reasons: readonly StatusReason[]; nextTryAt: string | null } => {
  const reasons = reasonsOf(facts).toSorted((a, b) => rank(a) - rank(b))
  return { status: reasons[0]?.status ?? 'active', reasons, nextTryAt: reasons[0]?.retryAt ?? syncDueAt }
}

const rank = ({ status }: StatusReason): number => accountStatuses.indexOf(status)

const reasonsOf = (facts: AccountFacts): StatusReason[] => {
  if (facts.lifecycle !== 'active') {
    const definition = facts.lifecycle === 'paused' ? accountPaused : accountDisconnected
    return [
      { status: facts.lifecycle, ...defined(definition, facts.said || definition.meaning) },
      ...(facts.withdrawal === null || facts.withdrawal === 'withdrawn'
        ? []
        : [{ status: facts.lifecycle, ...defined(accessLeft) }]),
    ]
  }
  return [...ofSignIn(facts), ...ofSending(facts), ...(isRead(facts) ? ofReading(facts) : [])]
}

/** What a run or a connection test failed on. */
const ofSignIn = (facts: AccountFacts): StatusReason[] => {
  const run = isRead(facts) ? facts.run : null
  const test = facts.test?.code === run?.code ? null : facts.test
  return [
    ...(run ? [{ status: statusBy(run.kind), ...words(run) }] : []),
    ...(test ? [{ status: statusOfCode(test.code), ...words(test) }] : []),
  ]
}

const words = ({ code, detail, remedy }: Trouble): Trouble => ({ code, detail, remedy })

const statusBy = (trouble: MailTrouble | null): AccountStatus => {
  if (trouble === 'sign-in-again' || trouble === 'scope-missing') return 'needs-reauthentication'
  return trouble === 'throttled' ? 'throttled' : 'degraded'
}

const statusOfCode = (code: string): AccountStatus => statusBy(definedCodes.get(code)?.trouble ?? null)

const ofSending = (facts: AccountFacts): StatusReason[] => {
  const { sending } = facts
  if (sending === null || !isSending(facts)) return []
  const status = statusOfCode(sending.code)
  if (status === 'degraded' && sending.inARow < DEFERRALS_IN_A_ROW) return []
  const { code, reason, inARow, retryAt } = sending
  const detail = `Emails cannot be sent (${inARow} ${inARow === 1 ? 'attempt' : 'attempts in a row'}): ${reason}`
  const remedy = definedCodes.get(code)?.remedy ?? sendingFails.remedy
  return [{ status, code, detail, remedy, ...(retryAt === null ? {} : { retryAt }) }]
}

const ofReading = ({
  wasRead,
  progress,
  run,
  folders,
  missing,
  unreadable,
  withheld,
  storage,
}: AccountFacts): StatusReason[] => [
  ...(wasRead || run
    ? []
    : [{ status: 'connecting' as const, ...defined(firstSync, firstSyncDetail(progress)) }]),
  ...(missing ? [{ status: 'degraded' as const, ...words(missing) }] : []),
  ...folders.map(({ folder, code, detail, remedy }) => ({
    status: 'degraded' as const,
    code,
    detail: `${detail}: ${folder}`,
    remedy,
  })),
  ...missed(unreadable, unreadableMessages, 'could not be read'),
  ...missed(withheld, withheldMessages, 'could not be had from the mailbox'),
  ...(storage?.isNearlyFull
    ? [{ status: 'degraded' as const, ...defined(mailboxNearlyFull, usedInWords(storage)) }]
    : []),
]

const usedInWords = ({ used, limit }: MailboxStorage): string =>
  `The mailbox uses ${Math.floor((100 * used) / limit)}% of its ${gigabytes.format(limit / 1e9)} GB.`

const gigabytes = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

const firstSyncDetail = (progress: AccountFacts['progress']): string =>
  progress.length === 0 ? firstSync.meaning : `${firstSync.meaning} So far: ${progressInWords(progress)}.`

const missed = (count: number, definition: CodeDefinition, what: string): StatusReason[] =>
  count === 0
    ? []
    : [
        {
          status: 'degraded',
          ...defined(definition, `${count} ${count === 1 ? 'message' : 'messages'} ${what}.`),
        },
      ]

const defined = ({ code, meaning, remedy }: CodeDefinition, detail = meaning): Trouble => ({
  code,
  detail,
  remedy,
})

const accessLeft = defineCode('access-not-withdrawn', {
  title: 'Access not withdrawn at the provider',
  meaning:
    'Mailtrail has deleted its access to the mailbox, but the provider did not withdraw it, or offers no way to.',
  remedy: "Remove Mailtrail from the connected apps in the settings of the user's account at the provider.",
})
const firstSync = defineCode('first-sync', {
  title: 'First sync not finished',
  meaning: 'The mailbox is being read for the first time.',
  remedy: 'Wait; the sync history shows the progress.',
})
const unreadableMessages = defineCode('unreadable-messages', {
  title: 'Unreadable messages',
  meaning: 'Some messages in the mailbox could not be read. Their bytes are kept.',
  remedy: "Look at the account's sync errors, and retry or skip each one.",
})
const withheldMessages = defineCode('withheld-messages', {
  title: 'Messages missing',
  meaning: 'The mailbox lists messages that could not be fetched or stored.',
  remedy: "Look at the account's sync errors: the messages are requested again, and each can be dismissed.",
})
const mailboxNearlyFull = defineCode('mailbox-nearly-full', {
  title: 'Mailbox nearly full',
  meaning: 'The mailbox has hardly any room left.',
  remedy:
    'Delete mail there, or ask its provider for more room: once it is full, new mail is returned to its senders. The next sync sees it.',
})
const sendingFails = defineCode('sending-fails', {
  title: 'Sending fails',
  meaning: 'Several attempts to send have failed in a row.',
  remedy: "Test the account's connection. Waiting emails are tried again automatically.",
})
