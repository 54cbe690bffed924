import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { AccountCommands } from '../../commands/accounts/accounts.ts'
import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import { Refused } from '../../domain/refusal.ts'
import { inHtml, sendPage } from '../server/html-page.ts'
import type { App } from '../server/server.ts'

type OAuthRouteDeps = {
  readonly commands: AccountCommands
  /** Where people reach the service. */
  readonly url: string
  readonly signal: AbortSignal
}

const KEPT_SECONDS = 600

/**
 * The browser's part of signing in with a provider. It keeps a secret in a cookie while it is with the provider, one for
 * each sign-in, so that only the browser that left can come back.
 */
export const oauthRoutes = (app: App, { commands, url, signal }: OAuthRouteDeps): void => {
  const config = { permission: 'public' } as const
  const cookies = browserCookies(url.startsWith('https:'))

  app.get('/oauth/start/:link', {
    config,
    schema: { hide: true, params: z.object({ link: z.string() }) },
    handler: async ({ params }, reply) => {
      try {
        const { signInId, to, browser } = await commands.startSignIn(params.link)
        return await reply.header('set-cookie', cookies.kept(signInId, browser)).redirect(to.href)
      } catch (error) {
        return sendTrouble(reply, error)
      }
    },
  })
  app.get('/oauth/callback', {
    config,
    schema: { hide: true },
    handler: async (request, reply) => {
      const query = new URL(request.url, url).searchParams
      const signInId = commands.signInOf(query.get('state') ?? '')
      const browser = signInId === null ? null : cookies.read(request, signInId)
      try {
        const finished = await commands.finishSignIn(query, browser, signal)
        void reply.header('set-cookie', cookies.gone(finished.signInId))
        if (finished.returnTo !== null)
          return await reply.redirect(withSignIn(finished.returnTo, finished.signInId), 303)
        if (finished.failure !== null) return await sendTrouble(reply, finished.failure)
        return await sendPage(
          reply,
          'Signed in',
          '<p>Go back to the CRM to finish. You can close this page.</p>',
        )
      } catch (error) {
        return sendTrouble(reply, error)
      }
    },
  })
}

const withSignIn = (returnTo: string, signInId: string): string => {
  const to = new URL(returnTo)
  to.searchParams.set('sign_in', signInId)
  return to.href
}

/** What stands in the way, for a person at a browser. Throws what is a bug or an outage of our own. */
const sendTrouble = (reply: FastifyReply, error: unknown): FastifyReply => {
  if (!(error instanceof Refused || error instanceof MailUnavailable)) throw error
  void reply.status(error instanceof MailUnavailable ? 503 : 400)
  const lines = [
    inHtml(error.message),
    `<b>What to do:</b> ${inHtml(error.remedy)}`,
    `<a href="/problems/${error.code}">${error.code}</a>`,
  ]
  return sendPage(reply, 'Signing in did not work', lines.map((line) => `<p>${line}</p>`).join('\n'))
}

/**
 * Cookies that no script sees and that go nowhere but here: with the prefix `__Host-` no neighbouring host can plant one
 * (RFC 6265bis 4.1.3), which works over https only. Lax, since the provider sends the browser back by a link.
 */
const browserCookies = (isSecure: boolean) => {
  const nameOf = (signInId: string): string => `${isSecure ? '__Host-' : ''}${signInId}`
  const cookie = (signInId: string, value: string, seconds: number): string =>
    `${nameOf(signInId)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  return {
    kept: (signInId: string, browser: string): string => cookie(signInId, browser, KEPT_SECONDS),
    gone: (signInId: string): string => cookie(signInId, '', 0),
    read: ({ headers }: FastifyRequest, signInId: string): string | null => {
      const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='))
      return pairs.find(([name]) => name === nameOf(signInId))?.[1] ?? null
    },
  }
}
