import { generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { pushTaker } from '../../../src/adapters/gmail/push.ts'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PUSH, pushed, startPubSub } from '../../../scripts/lib/mail-servers/google/pub-sub.ts'

t.test(
  'a push is a hint if Google signed it for us and as our service account, and not otherwise',
  async (t) => {
    const pubSub = await startPubSub()
    const keys = createServer((_request, response) => response.end(JSON.stringify(pubSub.keys().json)))
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
    t.teardown(() => keys.close())
    const told: string[] = []
    const take = pushTaker({
      ...PUSH,
      keysUrl: `http://127.0.0.1:${(keys.address() as AddressInfo).port}/certs`,
      tell: async (mailbox) => void told.push(mailbox),
      onTold: () => () => {},
    })
    const body = pushed('Ann@Gmail.test')
    const by = async (claims: Record<string, unknown>) =>
      take({ authorization: `Bearer ${await pubSub.sign(claims)}`, body })

    t.equal(await by({}), true)
    t.same(told, ['ann@gmail.test'])
    for (const claims of [
      { aud: 'https://elsewhere.test' },
      { email: 'somebody@crm.iam.gserviceaccount.test' },
      { email_verified: false },
    ])
      t.equal(await by(claims), false, JSON.stringify(claims))
    const { privateKey } = await generateKeyPair('RS256')
    const forged = await new SignJWT({ email: PUSH.serviceAccount, email_verified: true, aud: PUSH.audience })
      .setProtectedHeader({ alg: 'RS256', kid: 'google' })
      .setIssuer('https://accounts.google.com')
      .setExpirationTime('5 minutes')
      .sign(privateKey)
    for (const authorization of [null, 'Bearer x', `Bearer ${forged}`])
      t.equal(await take({ authorization, body }), false)
    t.equal(told.length, 1)

    const authorization = `Bearer ${await pubSub.sign()}`
    for (const other of [null, {}, { message: { data: 'bm90IEpTT04=' } }])
      t.equal(await take({ authorization, body: other }), true, 'what says nothing is not pushed again')
    t.equal(told.length, 1)
  },
)
