import { z } from 'zod'
import type { SignIn } from '../../commands/ports/sign-in.ts'
import type { OAuthClient } from './client.ts'
import { problem } from './problems.ts'
import { oauthSignIn, signInNotAccepted } from './sign-in.ts'

const ANSWER_WITHIN_MS = 15_000

/** https://learn.microsoft.com/graph/api/user-get: `mail` is empty where a personal account has no mailbox of its own name. */
const me = z.object({ id: z.string().min(1), mail: z.string().nullish(), userPrincipalName: z.string() })

/**
 * Signing in with Microsoft. An ID token's address is what its owner says (it is not checked), so the mailbox is asked
 * for at Graph. @param graphUrl such as `https://graph.microsoft.com`
 */
export const microsoftSignIn = (client: OAuthClient, graphUrl: string): SignIn => {
  const scope = (name: string): string => `${graphUrl}/${name}`
  return oauthSignIn(client, {
    provider: 'outlook',
    permissions: [
      {
        name: 'mail',
        scope: scope('Mail.ReadWrite'),
        words: 'Access your mailbox, and read and write mail in it',
        optional: false,
      },
      { name: 'send', scope: scope('Mail.Send'), words: 'Send mail as you', optional: false },
      { name: 'calendar', scope: scope('Calendars.Read'), words: 'Read your calendar', optional: true },
    ],
    loginScopes: ['openid', 'email', 'profile', 'offline_access', scope('User.Read')],
    parameters: { prompt: 'select_account', response_mode: 'query' },
    identify: async ({ iss }, accessToken, signal) => {
      const answer = await fetch(`${graphUrl}/v1.0/me?$select=id,mail,userPrincipalName`, {
        headers: { authorization: `Bearer ${accessToken}` },
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
      }).catch(() => {
        throw problem('sign-in-server-unavailable')
      })
      if (answer.status === 429 || answer.status >= 500) throw problem('sign-in-server-unavailable')
      const found = me.safeParse(await answer.json().catch(() => null))
      if (answer.status !== 200 || !found.success) throw signInNotAccepted()
      const { id, mail, userPrincipalName } = found.data
      return { address: mail ?? userPrincipalName, mailbox: `${iss} ${id}` }
    },
    // An email is a draft first, which needs the mailbox.
    uses: (granted) => ({
      sends: granted.includes('mail') && granted.includes('send'),
      receives: granted.includes('mail'),
    }),
  })
}
