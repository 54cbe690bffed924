import { domainOf } from '../mail.ts'
import type { AccountSettings } from '../accounts/events.ts'
import { excludedBy } from '../sync/glob.ts'

/** Senders of delivery reports (RFC 5321 6.1, RFC 2142), and the domains that large providers send them from. */
const REPORTERS = ['mailer-daemon', 'postmaster']
const ELSEWHERE = ['mail.example', 'googlemail.com']

/**
 * Whether bounces to this address arrive where they are read: the inbox is synced, and no pattern excludes reports.
 * Only then does hearing nothing mean something.
 */
export const seesReports = (
  address: string,
  { syncDirection, folders, excludePatterns }: AccountSettings,
): boolean => {
  if (syncDirection === 'send' || !folders.includes('inbox')) return false
  const hosts = [domainOf(address), ...ELSEWHERE]
  const senders = REPORTERS.flatMap((reporter) => hosts.map((host) => `${reporter}@${host}`))
  return senders.every((sender) => excludedBy(excludePatterns, sender) === null)
}
