import { isBelow, plainHost } from './host-names.ts'
import { presetOf, tileOfHost } from './presets.ts'

/** What further providers are known to require beyond a user name and password, by the end of their server names. */
const HINTS: readonly (readonly [hosts: readonly string[], hint: string])[] = [
  [['aol.com'], 'AOL requires an app password here, created under Account security.'],
  [['fastmail.com'], 'Fastmail requires an app password here, created under Privacy & Security.'],
  [
    ['zoho.com', 'zoho.eu', 'zoho.in'],
    'Zoho requires an app-specific password here if two-factor login is on.',
  ],
  [['yandex.com', 'yandex.ru', 'mail.ru'], 'This provider requires an app password here.'],
  [['gmx.net', 'gmx.com', 'web.de'], 'IMAP must first be enabled in the settings of the mailbox.'],
]

/** Advice for a refused login at this host; null if there is none. */
export const loginHint = (host: string): string | null => {
  const tile = tileOfHost(host)
  if (tile !== null) return presetOf(tile).guidance.join(' ')
  return HINTS.find(([hosts]) => isBelow(plainHost(host), hosts))?.[1] ?? null
}
