import { consent, type Choice } from './authorization-server.ts'

/** What a browser sees at last: a page, or where it is sent on to. */
type Seen = { readonly status: number; readonly to: string | null; readonly page: string }

/** A browser of somebody: what it keeps, and how it goes through a sign-in. */
export const browser = () => {
  const kept = new Map<string, string>()
  const cookie = () => ({ cookie: [...kept].map(([name, value]) => `${name}=${value}`).join('; ') })
  const open = async (url: string): Promise<Seen & { readonly cookies: readonly string[] }> => {
    const answer = await fetch(url, { redirect: 'manual', headers: cookie() })
    const cookies = answer.headers.getSetCookie()
    for (const each of cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(each) ?? []
      if (/max-age=0\b/i.test(each)) kept.delete(name)
      else kept.set(name, value)
    }
    return { status: answer.status, to: answer.headers.get('location'), page: await answer.text(), cookies }
  }
  return {
    open,
    /** Follows the link, and chooses at the provider; returns the address that it is then sent back to. */
    choose: async (url: string, choice: Choice): Promise<string> => {
      const { to, page } = await open(url)
      if (to === null) throw new Error(page)
      return (await consent(to, choice)).href
    },
  }
}
