import https from 'node:https'
import t from 'tap'
import { certificates } from '../../support/mail-provider/certificates.ts'
import { mimeOf } from '../../contracts/mail-provider-harness.ts'
import { startGraph } from '../../../scripts/lib/mail-servers/microsoft/service.ts'
import { sdkUser } from '../../support/microsoft/sdk.ts'

// The double is only as good as what it was tried with: Microsoft's own SDK, which knows nothing of our adapter.

const token = 'token-of-ann'
const immutable = ['IdType="ImmutableId"']

/** `fetch` to the double, with its authority and a token. */
const fetched: typeof globalThis.fetch = async (input, init = {}) => {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  const headers = { ...Object.fromEntries(new Headers(init.headers)), authorization: `Bearer ${token}` }
  const asked = https.request(
    input instanceof Request ? input.url : input,
    { method: init.method, ca: certificates.ca, headers },
    (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        const bytes = Buffer.concat(chunks)
        const told = { status: answer.statusCode ?? 0, headers: answer.headers as Record<string, string> }
        resolve(new Response(bytes.length === 0 ? null : bytes, told))
      })
    },
  )
  asked.on('error', reject)
  const body = init.body
  asked.end(body instanceof ArrayBuffer ? Buffer.from(body) : body)
  return promise
}

t.test("Microsoft's own SDK reads and changes a mailbox of the double", async (t) => {
  const graph = await startGraph(certificates.good, certificates.ca)
  t.teardown(() => graph.close())
  const mailbox = graph.addMailbox('ann@outlook.test', token)
  const [inbox, archive, drafts] = ['inbox', 'archive', 'drafts'].map((name) => mailbox.folder(name)!.id)
  const ids = Array.from({ length: 12 }, (_, n) => mailbox.add(inbox!, mimeOf(`${n}@x`)).id)
  mailbox.addFolder('Within', inbox)
  const user = await sdkUser(graph.url, 'ann@outlook.test', fetched)
  const headers = { Prefer: immutable }

  const folders = await user.mailFolders.get({ queryParameters: { top: 50 } })
  t.same(
    folders.value?.map(({ displayName }) => displayName).toSorted(),
    ['Archive', 'Deleted Items', 'Drafts', 'Inbox', 'Junk Email', 'Outbox', 'Sent Items'],
    'the folders beside each other',
  )
  t.equal((await user.mailFolders.delta.get()).value?.length, 8, 'and a delta has those within them too')

  const { delta } = user.mailFolders.byMailFolderId(inbox!).messages
  const first = await delta.get({ headers })
  t.equal(first.value?.length, 10, 'ten come in a page')
  const second = await delta.withUrl(first.odataNextLink!).get({ headers })
  t.same(new Set([...first.value!, ...second.value!].map(({ id }) => id)), new Set(ids))
  const [one, other, third] = ids.map((id) => user.messages.byMessageId(id))
  t.ok(Buffer.from(await one!.content.get({ headers })).equals(mailbox.find(ids[0]!)!.raw))
  t.match(await one!.patch({ isRead: true }, { headers }), { isRead: true })
  t.match(await other!.move.post({ destinationId: archive! }, { headers }), { id: ids[1] }, 'the id stays')
  await third!.delete({ headers })
  const changed = await delta.withUrl(second.odataDeltaLink!).get({ headers })
  t.same(new Set(changed.value?.map(({ id }) => id)), new Set(ids.slice(0, 3)))
  t.equal(changed.value?.filter(({ additionalData }) => additionalData?.['@removed']).length, 2)

  const shown = (await user.mailFolders.byMailFolderId(inbox!).messages.get()).value?.[0]?.id
  t.notOk(ids.includes(shown!), 'without the preference an id is one of where a message is')
  const draft = mailbox.add(drafts!, mimeOf('draft@x'), { isDraft: true })
  await user.messages.byMessageId(draft.id).send.post({ headers })
  t.equal(graph.sent.length, 1)
  t.equal(mailbox.find(draft.id)?.folderId, mailbox.folder('sentitems')?.id)
  const nobody = user.messages.byMessageId('AAkNobody').get({ headers })
  t.match(await nobody.catch((error: unknown) => error), { responseStatusCode: 404 })
})
