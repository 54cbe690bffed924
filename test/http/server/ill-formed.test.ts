import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { Refused } from '../../../src/domain/refusal.ts'
import { accountSettings } from '../../../src/domain/accounts/events.ts'
import { contact, deal, user } from '../../../src/domain/directory/events.ts'
import { attachedFile } from '../../../src/domain/sending/events.ts'
import { templateContent } from '../../../src/domain/templates/events.ts'
import { draftInput } from '../../../src/http/sending/drafts.ts'
import { refuseIllFormed } from '../../../src/http/server/ill-formed.ts'
import { HttpProblem } from '../../../src/http/server/problems.ts'
import { idOf } from '../../support/example-emails.ts'
import { sendingWorld } from '../../support/sending-world.ts'
import { runs } from '../../support/long-runs.ts'

const check = (body: unknown) => refuseIllFormed({ body } as Parameters<typeof refuseIllFormed>[0])

t.test('text that is no Unicode is refused with every place where it stands', async (t) => {
  const bad = {
    email: { to: [{ address: 'a\ud800@b.test' }], subject: 'x\0' },
    'na\udc00me': 1,
    fine: '😀',
  }
  const error = await check(bad).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  t.ok(error instanceof HttpProblem)
  t.match(error, { status: 400, code: 'invalid-request' })
  t.same((error as HttpProblem).errors?.map(({ path }) => path).toSorted(), [
    'body',
    'body/email/subject',
    'body/email/to/0/address',
  ])
  await check({ deep: [{ text: 'Grüße\u2028' }] })
})

// What stands in letters of all kinds, and what has broken headers, databases and addresses before.
const odd = fc.constantFrom(
  '\0',
  '\r\n',
  '\t',
  '\u0085',
  '\u2028',
  '\u2029',
  '\ud800',
  '\udfff',
  '😀',
  'é',
  '"',
  '\\',
  '<',
  '>',
  '=?utf-8?q?a?=',
  ' ',
  'a'.repeat(300),
)
const text = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.string({ minLength: 1, maxLength: 20 }).map((plain) => plain.replaceAll(/[{}]/g, '')),
  },
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.array(fc.oneof(odd, fc.string({ maxLength: 5 })), { maxLength: 6 }).map((parts) => parts.join('')),
)
const address = fc.oneof(
  { weight: 3, arbitrary: fc.constant('ann@client.test') },
  text.map((local) => `${local}@client.test`),
  text.map((local) => `"${local}"@client.test`),
)

t.test('whatever one door accepts is composed and sent: no later one refuses it', async (t) => {
  const world = await sendingWorld(t)
  const content = Buffer.from('file')
  const blob = createHash('sha256').update(content).digest('hex')
  let accepted = 0
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        displayName: text,
        replyTo: fc.option(address),
        first: text,
        userName: text,
        dealName: text,
        templateName: text,
        templateSubject: text,
        subject: text,
        name: text,
        address,
        file: fc.option(fc.record({ name: text, contentType: text })),
        html: text,
      }),
      async (given) => {
        const body = {
          settings: { displayName: given.displayName, replyTo: given.replyTo },
          contact: { firstName: given.first, emails: [] },
          user: { name: given.userName },
          deal: { name: given.dealName },
          template: {
            name: given.templateName,
            subject: given.templateSubject,
            body: { format: 'html', source: given.html },
          },
          draft: {
            accountId: idOf('acc', 1),
            to: [{ address: given.address, name: given.name }],
            subject: given.subject,
            html: `<p>Hi {contact.first_name|there}</p>`,
            contactId: 'c1',
            dealId: 'd1',
          },
        }
        const read = {
          settings: accountSettings.pick({ displayName: true, replyTo: true }).safeParse(body.settings),
          contact: contact.safeParse(body.contact),
          user: user.safeParse(body.user),
          deal: deal.safeParse(body.deal),
          template: templateContent.safeParse(body.template),
          draft: draftInput.safeParse(body.draft),
          name: attachedFile.shape.name.safeParse(given.file?.name ?? 'a.txt'),
          contentType: attachedFile.shape.contentType.safeParse(given.file?.contentType ?? 'text/plain'),
        }
        const formed = await check([body, given.file]).then(
          () => true,
          () => false,
        )
        if (!formed || Object.values(read).some(({ success }) => !success)) return
        await world.blobs.put([{ hash: blob, content }])
        world.account.now = {
          ...world.account.now,
          owner: { kind: 'user', userId: 'u1' },
          settings: { ...world.account.now.settings, ...read.settings.data },
        }
        world.records.users.set('u1', read.user.data!)
        world.records.contacts.set('c1', read.contact.data!)
        world.records.deals.set('d1', read.deal.data!)
        const { subject, body: written } = read.template.data!
        const templateId = idOf('tpl', 1)
        world.records.templates.set(templateId, { subject, html: written.source })
        const { attachments: _, ...draft } = read.draft.data!
        const file = { name: read.name.data!, contentType: read.contentType.data!, size: 4, blob }
        try {
          const id = await world.queue({ ...draft, attachments: [file] })
          const result = await world.send(id)
          const state = await world.events(id)
          // What a server says no to is its own affair.
          const byServer = state.some(
            ({ type, data }) => type === 'EmailFailed' && JSON.stringify(data).includes('recipients-refused'),
          )
          if (result !== 'sent' && !byServer) throw new Error(`It was ${result}: ${JSON.stringify(state)}`)
          await world.queue({ ...draft, html: '', subject: '', template: { templateId, version: 1 } })
          accepted++
        } catch (error) {
          // Variables are judged when they are filled in: what is missing then is told to the sender.
          if (!(error instanceof Refused) || !/variable/.test(error.code)) throw error
        }
      },
    ),
    { numRuns: runs(300, 2000) },
  )
  t.ok(accepted > 30, `${accepted} of them were accepted`)
})
