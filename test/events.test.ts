import t from 'tap'
import { z } from 'zod'
import { memoryEventStore } from './support/memory-event-store.ts'
import { projections } from '../src/app/read-models.ts'
import { handler, newCommandId, type Caller } from '../src/commands/handle.ts'
import { apiKey } from '../src/domain/access/api-key.ts'
import { apiKeyEvents } from '../src/domain/access/events.ts'
import { account } from '../src/domain/accounts/account.ts'
import { defaultAccount } from '../src/domain/accounts/default-account.ts'
import { accountEvents, defaultAccountEvents, MailboxClaimed } from '../src/domain/accounts/events.ts'
import { messageLinks } from '../src/domain/linking/message-links.ts'
import { noteEvents } from '../src/domain/timeline/events.ts'
import { timelineNote } from '../src/domain/timeline/note.ts'
import { newMessages, relinking } from '../src/domain/linking/matching-progress.ts'
import { sender } from '../src/domain/linking/sender.ts'
import {
  linkEvents,
  NewMessagesMatched,
  RelinkingFinished,
  RelinkingProgressed,
  senderEvents,
} from '../src/domain/linking/events.ts'
import { assignment } from '../src/domain/assignment/assignment.ts'
import {
  AssignmentRulesChanged,
  ConversationLeftUnassigned,
  ConversationPicked,
  noRules,
  UserAvailabilityChanged,
} from '../src/domain/assignment/events.ts'
import { accountRules } from '../src/domain/assignment/rules.ts'
import { userAvailability } from '../src/domain/assignment/user-availability.ts'
import { mailboxClaim } from '../src/domain/accounts/mailbox-claim.ts'
import { signIn } from '../src/domain/accounts/sign-in.ts'
import { signInEvents } from '../src/domain/accounts/sign-in-events.ts'
import { catalogue } from '../src/domain/catalogue.ts'
import { conversation } from '../src/domain/conversations/conversation.ts'
import { conversationEvents, MailFollowed } from '../src/domain/conversations/events.ts'
import { mailFollowed } from '../src/domain/conversations/mail-followed.ts'
import type { Decider } from '../src/domain/decider.ts'
import { entry } from '../src/domain/directory/entry.ts'
import { directoryEvents } from '../src/domain/directory/events.ts'
import { defineEvent, type DomainEvent, type EventDefinition } from '../src/domain/event.ts'
import { DeliveryReportRead, EmailCancelled, outgoingEvents } from '../src/domain/sending/events.ts'
import { digest } from '../src/domain/notifications/digest.ts'
import { digestEvents } from '../src/domain/notifications/digest-events.ts'
import {
  AllNotificationsRead,
  notificationEvents,
  NotificationMailFailed,
  NotificationSettingsChanged,
} from '../src/domain/notifications/events.ts'
import { userSettings } from '../src/domain/notifications/notification-settings.ts'
import {
  notificationMail,
  readNotifications,
  userNotifications,
} from '../src/domain/notifications/user-notifications.ts'
import { outgoingEmail } from '../src/domain/sending/outgoing-email.ts'
import { accountThreads } from '../src/domain/sync/account-threads.ts'
import { backfill } from '../src/domain/sync/backfill.ts'
import { backfillEvents, messageEvents, syncRunEvents } from '../src/domain/sync/events.ts'
import { threadEvents } from '../src/domain/sync/thread-events.ts'
import { message } from '../src/domain/sync/message.ts'
import { presenceEvents } from '../src/domain/sync/presence-events.ts'
import { patternRunEvents } from '../src/domain/sync/pattern-run-events.ts'
import { patternRuns } from '../src/domain/sync/pattern-run.ts'
import { presence } from '../src/domain/sync/presence.ts'
import { syncRun } from '../src/domain/sync/sync-run.ts'
import { templateEvents } from '../src/domain/templates/events.ts'
import { template } from '../src/domain/templates/template.ts'
import { trackingEvents } from '../src/domain/tracking/events.ts'
import { webhookEndpoint } from '../src/domain/webhooks/endpoint.ts'
import { webhookEvents } from '../src/domain/webhooks/events.ts'
import {
  faultsOf,
  fixtureTypes,
  isStale,
  presentEvents,
  presentSchema,
  saveSnapshot,
  shapesOf,
  snapshotOf,
  type Shape,
} from './support/event-fixtures.ts'
import { foldEvents, recordedEvents } from './support/fold-events.ts'
import { anEvent } from './support/log-events.ts'

type AnyDecider = Decider<unknown, unknown, DomainEvent>

/** Each decider with the kinds that it writes, and commands that take effect or are refused behind such a history. */
const deciders = (
  [
    [
      account,
      accountEvents,
      ['AccountConnected', 'AccountSignatureChanged'],
      { do: 'pause', reason: '', by: null },
    ],
    [
      defaultAccount,
      defaultAccountEvents,
      ['DefaultAccountChosen'],
      { do: 'choose', owner: { kind: 'team' }, accountId: 'acc_00000000000000000000000000' },
    ],
    [
      mailboxClaim,
      [MailboxClaimed],
      ['MailboxClaimed'],
      {
        accountId: 'acc_00000000000000000000000000',
        claimedAt: '2026-01-05T09:00:00.000Z',
        void: [],
        nameable: [],
        allowDuplicate: true,
      },
    ],
    [
      signIn,
      signInEvents,
      ['SignInBegun', 'SignInStarted', 'SignInReturned'],
      { do: 'fail', code: 'sign-in-declined' },
    ],
    [
      syncRun,
      syncRunEvents,
      ['SyncRunStarted', 'ChangesSynced'],
      { do: 'finish', read: [], unchanged: [], troubles: [], missingFolders: [] },
    ],
    [backfill, backfillEvents, ['BackfillRequested'], { do: 'pause' }],
    [
      accountThreads,
      threadEvents,
      ['ThreadsMerged', 'ThreadSplit'],
      { do: 'undo', accountId: 'acc_00000000000000000000000000', change: 2 },
    ],
    [message, messageEvents, ['MessageQuarantined'], { do: 'skip', exclusion: null }],
    [presence, [...presenceEvents], ['MessageDeleted', 'MessageHidden'], { do: 'restore' }],
    [
      patternRuns,
      [...patternRunEvents],
      ['PatternRunRequested'],
      {
        do: 'finish',
        accountId: 'acc_00000000000000000000000000',
        number: 1,
        examined: 9,
        hidden: 2,
        shown: 0,
        toFetch: 1,
      },
    ],
    [
      template,
      templateEvents,
      ['TemplateCreated', 'TemplateChanged'],
      { do: 'delete', by: 'u_sarah', templateId: 'tpl_00000000000000000000000000' },
    ],
    [outgoingEmail, outgoingEvents, ['DraftSaved', 'EmailQueued'], { do: 'cancel' }],
    [entry, directoryEvents, ['ContactRecorded'], { do: 'remove', kind: 'contact', id: 'c_mia' }],
    [
      messageLinks,
      linkEvents,
      ['MessageMatched'],
      {
        do: 'link',
        messageId: 'msg_00000000000000000000000000',
        accountId: 'acc_00000000000000000000000000',
        record: { kind: 'deal', id: 'd-9' },
      },
    ],
    [
      sender,
      senderEvents,
      ['SenderAssigned'],
      { do: 'assign', address: 'mia@example.org', record: { kind: 'deal', id: 'd-9' } },
    ],
    [
      webhookEndpoint,
      webhookEvents,
      ['WebhookEndpointCreated', 'WebhookSecretRotated'],
      { do: 'disable', reason: 'asked', endpointId: 'whk_00000000000000000000000000' },
    ],
    [
      userNotifications,
      notificationEvents,
      ['UserNotified'],
      { do: 'read', userId: 'u_sarah', notificationId: 'ntf_3v5q9m2h7x1k8d4r6t0w2y5z7b' },
    ],
    [readNotifications, [AllNotificationsRead], ['AllNotificationsRead'], { userId: 'u_sarah', upTo: 'q' }],
    [
      userSettings,
      [NotificationSettingsChanged],
      ['NotificationSettingsChanged'],
      { userId: 'u_sarah', settings: { kinds: [], accounts: [], digest: { isOn: true, hour: 9 } } },
    ],
    [
      notificationMail,
      [NotificationMailFailed],
      ['NotificationMailFailed'],
      { outgoingId: 'out_00000000000000000000000000', userId: 'u_sarah', code: 'x', reason: 'y' },
    ],
    [
      digest,
      [...digestEvents],
      ['DigestMade'],
      {
        userId: 'u_sarah',
        date: '2026-01-06',
        timeZone: 'UTC',
        figures: { received: 1, assigned: 0, waiting: 0, unansweredSince: null },
        mailedAs: 'out_00000000000000000000000000',
      },
    ],
    [
      conversation,
      [...conversationEvents],
      ['ConversationOpened', 'ConversationReplyQueued'],
      {
        do: 'change-status',
        conversationId: 'thr_00000000000000000000000000',
        accountId: 'acc_00000000000000000000000000',
        status: 'closed',
      },
    ],
    [
      mailFollowed,
      [MailFollowed],
      ['MailFollowed'],
      { accountId: 'acc_00000000000000000000000000', mail: [], threadChanges: [1] },
    ],
    [
      accountRules,
      [AssignmentRulesChanged],
      ['AssignmentRulesChanged'],
      { do: 'put', accountId: 'acc_00000000000000000000000000', rules: noRules },
    ],
    [
      assignment,
      [ConversationPicked, ConversationLeftUnassigned],
      ['ConversationPicked', 'ConversationLeftUnassigned'],
      {
        do: 'assign',
        accountId: 'acc_00000000000000000000000000',
        rules: noRules,
        rulesRevision: 1,
        conversations: [
          {
            conversationId: 'thr_00000000000000000000000000',
            territory: null,
            product: null,
            belongsTo: null,
            left: null,
          },
        ],
        users: [],
        at: '2026-11-02T09:00:00.000Z',
        factsAt: '9',
      },
    ],
    [
      userAvailability,
      [UserAvailabilityChanged],
      ['UserAvailabilityChanged'],
      { do: 'put', userId: 'u-1', availability: { away: null, workingHours: null } },
    ],
    [newMessages, [NewMessagesMatched], ['NewMessagesMatched'], { upTo: '9' }],
    [
      relinking,
      [RelinkingProgressed, RelinkingFinished],
      ['RelinkingProgressed'],
      {
        do: 'finish',
        run: {
          upTo: '9',
          after: '8',
          examined: 1,
          changed: 0,
          matcher: 1,
          startedAt: '2026-01-05T09:00:00.000Z',
        },
      },
    ],
    [
      timelineNote,
      noteEvents,
      ['NoteRecorded', 'NoteChanged'],
      { do: 'remove', entryId: 'tle_00000000000000000000000000' },
    ],
    [apiKey, apiKeyEvents, ['ApiKeyCreated'], { do: 'revoke', keyId: '3ayfcehrehsq', name: 'CRM' }],
  ] as unknown as [AnyDecider, EventDefinition[], string[], unknown][]
).map(([decider, kinds, history, command]) => ({ decider, kinds, history, command }))

const kinds = [...catalogue.values()]
const plainJson = (value: unknown): string => JSON.stringify(value) ?? 'undefined'

t.test('every kind of event has fixtures, and every fixture a kind', async (t) => {
  t.strictSame(fixtureTypes().toSorted(), [...catalogue.keys()].toSorted())
})

t.test('what was ever stored can be read, and no schema narrows without a new version', async (t) => {
  const faults = kinds.flatMap((kind) => faultsOf(kind, shapesOf(kind.type), snapshotOf(kind.type)))
  t.strictSame(faults, [])
  const stale = kinds.filter((kind) => isStale(kind, snapshotOf(kind.type)))
  if (process.env['TAP_SNAPSHOT'] === '1' && faults.length === 0) stale.forEach(saveSnapshot)
  else
    t.strictSame(
      stale.map(({ type }) => type),
      [],
      'a schema has changed as it may: TAP_SNAPSHOT=1 npm test -- test/events.test.ts',
    )
})

t.test(
  'a change of a schema that events of before do not fit is found, and what to do is said',
  async (t) => {
    const was = z.object({
      id: z.string().max(20),
      kind: z.enum(['a', 'b']),
      size: z.number(),
      name: z.string().nullable(),
      tags: z.array(z.object({ tag: z.string() })),
      note: z.string().optional(),
    })
    const shapes: Shape[] = [
      {
        schemaVersion: 1,
        note: 'full',
        data: { id: 'x', kind: 'a', size: 1.5, name: 'n', tags: [{ tag: '' }], note: '' },
      },
      { schemaVersion: 1, note: 'minimal', data: { id: 'y', kind: 'b', size: 1, name: null, tags: [] } },
    ]
    const before = defineEvent('PlantedNoted', was)
    const snapshot = { version: 1, schema: presentSchema(before) }
    const faults = (schema: z.ZodType) => faultsOf(defineEvent('PlantedNoted', schema), shapes, snapshot)
    t.strictSame(faults(was), [])
    t.notOk(isStale(before, snapshot))

    const narrowed: [what: string, schema: z.ZodType, says: RegExp][] = [
      ['a new required field', was.extend({ more: z.string() }), /data\.more is required now/],
      [
        'a new field with a default',
        was.extend({ more: z.string().default('') }),
        /data\.more is required now/,
      ],
      ['a field that must be there now', was.required({ note: true }), /data\.note is required now/],
      ['a field removed', was.omit({ size: true }), /data\.size was removed/],
      ['an optional field removed', was.omit({ note: true }), /data\.note was removed/],
      ['a word fewer', was.extend({ kind: z.enum(['a']) }), /data\.kind takes b no more/],
      ['whole numbers alone', was.extend({ size: z.int() }), /data\.size was number and is integer/],
      ['another type', was.extend({ id: z.int() }), /data\.id was string and is integer/],
      ['a tighter limit', was.extend({ id: z.string().max(19) }), /data\.id has another maxLength/],
      ['a new limit', was.extend({ size: z.number().min(0) }), /data\.size has another minimum/],
      ['a pattern', was.extend({ id: z.string().max(20).regex(/^./) }), /data\.id has another pattern/],
      ['no null', was.extend({ name: z.string() }), /data\.name was null and is string/],
      [
        'deep within',
        was.extend({ tags: z.array(z.object({ tag: z.int() })) }),
        /data\.tags\[\]\.tag was string/,
      ],
    ]
    for (const [what, schema, says] of narrowed) {
      const found = faults(schema).filter((fault) => says.test(fault))
      t.equal(found.length, 1, what)
      t.match(found[0], /give defineEvent the former shape with its upcast/)
    }

    const widened: [what: string, schema: z.ZodType][] = [
      ['a new optional field', was.extend({ more: z.string().optional() })],
      ['a word more', was.extend({ kind: z.enum(['a', 'b', 'c']) })],
      ['a looser limit', was.extend({ id: z.string().max(30) })],
      ['null as well', was.extend({ size: z.number().nullable() })],
    ]
    for (const [what, schema] of widened) {
      t.ok(isStale(defineEvent('PlantedNoted', schema), snapshot), `${what} is for a new snapshot`)
      t.notMatch(faults(schema).join('\n'), /in logs/, `${what} is no new version`)
    }
    t.match(faults(widened[0]![1]).join('\n'), /data\.more is never there/, 'but for a fixture that shows it')
  },
)

t.test('a new version is taken with its upcast and its fixtures, and not without', async (t) => {
  const first = defineEvent('PlantedNoted', z.object({ size: z.number() }))
  const snapshot = { version: 1, schema: presentSchema(first) }
  const old: Shape = { schemaVersion: 1, note: 'full', data: { size: 3 } }
  const present: Shape = { schemaVersion: 2, note: 'full', data: { bytes: 3 } }
  const schema = z.object({ bytes: z.number() })
  const good = defineEvent('PlantedNoted', schema, [
    { upcast: ({ size }: { size: number }) => ({ bytes: size }) },
  ])
  t.equal(good.version, 2)
  t.strictSame(faultsOf(good, [old, present], snapshot), [])
  t.ok(isStale(good, snapshot), 'its snapshot is to be made')
  t.match(faultsOf(good, [old], snapshot), [/no shape of version 2/])
  t.match(faultsOf(good, [present], snapshot), [/no shape of version 1/], 'the old one stays for ever')
  const wrong = defineEvent('PlantedNoted', schema, [{ upcast: (data: object) => data }])
  t.match(faultsOf(wrong, [old, present], snapshot), [/"full" \(version 1\)/])
  t.match(faultsOf(first, [old], { version: 2, schema: presentSchema(good) }), [
    /went back from version 2 to 1/,
  ])
})

t.test('every kind is one of a decider, or a fact about which nothing is decided', async (t) => {
  const decided = deciders.flatMap((one) => one.kinds)
  t.strictSame(
    [...decided, DeliveryReportRead, ...trackingEvents].map(({ type }) => type).toSorted(),
    [...catalogue.keys()].toSorted(),
  )
})

t.test('every decider folds every shape of its kinds, whatever came before', async (t) => {
  for (const { decider, kinds: own } of deciders) {
    const events = presentEvents(own)
    const states = [decider.initial]
    for (const event of events) states.push(decider.evolve(states.at(-1), event))
    for (const state of states)
      for (const event of events) {
        const next = decider.evolve(state, event)
        if (plainJson(JSON.parse(plainJson(next))) !== plainJson(next))
          t.fail(`${event.type} gives no plain state`)
      }
    t.ok(states.length > 1, `${states.length} states by ${events.length} shapes`)
  }
})

t.test('every read model folds every shape of the kinds that it reads', async (t) => {
  // One story: the message is cancelled when all else has happened to it.
  const isEnd = ({ type }: DomainEvent): boolean => type === EmailCancelled.type
  const events = presentEvents(kinds).toSorted((a, b) => Number(isEnd(a)) - Number(isEnd(b)))
  const inLog = recordedEvents(events.map(({ type, data }) => ({ type, data })))
  for (const projection of projections) {
    const types = new Set(projection.events.map(({ type }) => type))
    t.ok(inLog.some(({ type }) => types.has(type)))
    await t.resolves(foldEvents(projection, inLog), projection.name)
  }
})

t.test('an event of an unknown kind in its stream changes nothing of what a decider decides', async (t) => {
  const clock = () => new Date('2026-01-31T12:00:00.000Z')
  const decideBehind = async ({ decider, command }: (typeof deciders)[number], history: DomainEvent[]) => {
    const store = memoryEventStore()
    const events = history.map(({ type, data }) => anEvent(data, type))
    await store.append({ stream: 'planted-1', expected: 'no_stream', events })
    const caller: Caller = {
      actor: { kind: 'system', id: 'test' },
      commandId: newCommandId(clock()),
      correlationId: 'c',
      causationId: null,
    }
    const { state, revision } = await handler(store, clock)(decider, 'planted-1', command, caller)
    const decided = (await store.readStream('planted-1')).slice(history.length)
    return { state, decided: decided.map(({ type, data }) => ({ type, data })), revision }
  }
  for (const one of deciders) {
    const history = one.history.map((type) => ({ type, data: shapesOf(type)[0]!.data }))
    const plain = await decideBehind(one, history)
    t.ok(plain.decided.length > 0, `something is decided: ${plain.decided.map(({ type }) => type).join()}`)
    for (const data of [null, 'text', { status: 'none', accountId: 7 }])
      for (let at = 0; at <= history.length; at++) {
        const among = history.toSpliced(at, 0, { type: 'OfTheFuture', data })
        t.strictSame(await decideBehind(one, among), { ...plain, revision: plain.revision + 1 })
      }
  }
})
