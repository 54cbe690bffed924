import { domainOf } from '../mail.ts'
import { excludedBy } from '../sync/glob.ts'

/** Who sends delivery reports (RFC 5321 6.1, RFC 2142), and from where large providers do. */
const REPORTERS = ['mailer-daemon', 'postmaster']
const ELSEWHERE = ['mail.example', 'googlemail.com']

/** Whether what comes back of mail from this address is kept: no pattern of the account keeps reports out. */
export const keepsReports = (address: string, excludePatterns: readonly string[]): boolean => {
  const hosts = [domainOf(address), ...ELSEWHERE]
  const senders = REPORTERS.flatMap((reporter) => hosts.map((host) => `${reporter}@${host}`))
  return senders.every((sender) => excludedBy(excludePatterns, sender) === null)
}
