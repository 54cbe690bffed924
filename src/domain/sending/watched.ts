import { domainOf } from '../mail.ts'
import { excludedBy } from '../sync/glob.ts'

/** Senders of delivery reports (RFC 5321 6.1, RFC 2142). */
const REPORTERS = ['mailer-daemon', 'postmaster']
/** They come from domains of any name, for which this one (RFC 2606) stands, and from that of Gmail. */
const ELSEWHERE = ['mail.example', 'googlemail.com']

/** Whether bounces to this address are kept: no pattern of the account excludes reports. */
export const keepsReports = (address: string, excludePatterns: readonly string[]): boolean => {
  const hosts = [domainOf(address), ...ELSEWHERE]
  const senders = REPORTERS.flatMap((reporter) => hosts.map((host) => `${reporter}@${host}`))
  return senders.every((sender) => excludedBy(excludePatterns, sender) === null)
}
