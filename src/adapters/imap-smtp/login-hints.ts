/** What providers are known to ask for beyond a name and a password, by the end of their servers' names. */
const HINTS: readonly (readonly [suffixes: readonly string[], hint: string])[] = [
  [
    ['gmail.com', 'googlemail.com'],
    'Google takes an app password here, not the password of the account: myaccount.google.com/apppasswords.',
  ],
  [
    ['mail.me.com', 'icloud.com'],
    'Apple takes an app-specific password here: account.apple.com. The user name is sometimes only the part before the @.',
  ],
  [['yahoo.com', 'aol.com'], 'Yahoo and AOL take an app password here, made under Account security.'],
  [
    ['office365.com', 'outlook.com', 'hotmail.com', 'live.com'],
    'Microsoft has switched password logins off for most mailboxes, and Mailtrail has no sign-in with Microsoft yet: the mailbox must allow password logins.',
  ],
  [['fastmail.com'], 'Fastmail takes an app password here, made under Privacy & Security.'],
  [
    ['zoho.com', 'zoho.eu', 'zoho.in'],
    'Zoho takes an app-specific password here when two-factor login is on.',
  ],
  [['yandex.com', 'yandex.ru', 'mail.ru'], 'This provider takes an app password here.'],
  [['gmx.net', 'gmx.com', 'web.de'], 'IMAP must be switched on in the settings of the mailbox first.'],
]

/** Advice for a refused login at this host; null where nothing is known of it. */
export const loginHint = (host: string): string | null => {
  const name = host.toLowerCase()
  const found = HINTS.find(([suffixes]) =>
    suffixes.some((suffix) => name === suffix || name.endsWith(`.${suffix}`)),
  )
  return found === undefined ? null : found[1]
}
