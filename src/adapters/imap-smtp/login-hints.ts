/** What providers are known to require beyond a user name and password, by the end of their server names. */
const HINTS: readonly (readonly [suffixes: readonly string[], hint: string])[] = [
  [
    ['gmail.com', 'googlemail.com'],
    'Google requires an app password here, not the password of the account: myaccount.google.com/apppasswords.',
  ],
  [
    ['mail.me.com', 'icloud.com'],
    'Apple requires an app-specific password here: account.apple.com. The user name may be only the part before the @.',
  ],
  [['yahoo.com', 'aol.com'], 'Yahoo and AOL require an app password here, created under Account security.'],
  [
    ['office365.com', 'outlook.com', 'hotmail.com', 'live.com'],
    'Microsoft has disabled password logins for most mailboxes, and Mailtrail cannot sign in with Microsoft yet: the mailbox must allow password logins.',
  ],
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
  const name = host.toLowerCase()
  const found = HINTS.find(([suffixes]) =>
    suffixes.some((suffix) => name === suffix || name.endsWith(`.${suffix}`)),
  )
  return found === undefined ? null : found[1]
}
