import type { SignIn } from '../../commands/ports/sign-in.ts'
import type { OAuthClient } from './client.ts'
import { oauthSignIn, signInNotAccepted } from './sign-in.ts'

/** Signing in with Google. One scope of Gmail covers all that the product does with a mailbox. */
export const googleSignIn = (client: OAuthClient): SignIn =>
  oauthSignIn(client, {
    provider: 'gmail',
    permissions: [
      {
        name: 'mail',
        scope: 'https://www.googleapis.com/auth/gmail.modify',
        words:
          'Send emails on your behalf, read and change labels, view your messages and settings, and manage drafts and sent mail',
        optional: false,
      },
    ],
    loginScopes: ['openid', 'email'],
    // Without these there is no refresh token from the second time on.
    parameters: { access_type: 'offline', prompt: 'consent select_account' },
    identify: async ({ sub, email, email_verified }) => {
      if (typeof email !== 'string' || email_verified !== true) throw signInNotAccepted()
      return { address: email, mailbox: sub }
    },
    uses: (granted) => ({ sends: granted.includes('mail'), receives: granted.includes('mail') }),
  })
