import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { isTimeZone } from '../analytics/calendar-day.ts'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { askedInstant, instant, oneLine } from '../mail.ts'

const conversationId = idOf('thr')

/** As the CRM calls them, capital letters do not count. */
export const isSameName = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase()

const isEachOnce = (names: readonly string[]): boolean => new Set(names).size === names.length
const named = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(...oneLine)
  .describe('As the CRM calls it; capital letters do not count')
const users = z
  .array(crmId)
  .min(1)
  .max(200)
  .refine(isEachOnce, { error: 'names a user twice' })
  .describe('Ids of users of the CRM')

const ofTerritory = z.object({ territory: named, users })
const ofProduct = z.object({ product: named, users })
const member = z.object({
  userId: crmId,
  weight: z
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe('The share of the user: one with 2 gets twice as many conversations as one with 1'),
  mostOpen: z
    .int()
    .min(1)
    .max(100_000)
    .nullable()
    .default(null)
    .describe('How many open conversations of the account the user has at most; null for any number'),
})
export type Member = z.infer<typeof member>

/** A step on the way to the user who gets a conversation. Each kind is there once at most, in any order. */
const rule = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('territory'),
      territories: z
        .array(ofTerritory)
        .min(1)
        .max(500)
        .refine((list) => isEachOnce(list.map(({ territory }) => territory.toLowerCase())), {
          error: 'names a territory twice',
        })
        .describe('Who gets what comes from a territory; others are not narrowed down'),
    }),
    z.object({
      kind: z.literal('product'),
      products: z
        .array(ofProduct)
        .min(1)
        .max(500)
        .refine((list) => isEachOnce(list.map(({ product }) => product.toLowerCase())), {
          error: 'names a product twice',
        })
        .describe('Who gets what is about a product; others are not narrowed down'),
    }),
    z.object({
      kind: z.literal('round-robin'),
      members: z
        .array(member)
        .min(1)
        .max(200)
        .refine((list) => isEachOnce(list.map(({ userId }) => userId)), { error: 'names a user twice' })
        .describe('Who takes turns, and how often'),
    }),
    z.object({ kind: z.literal('manual') }),
  ])
  .describe(
    '`territory` and `product` narrow down who gets a conversation, by the territory and product of the contact who wrote; ' +
      '`round-robin` gives it to the one of those who are left, and are among its members, whose turn it is; `manual` leaves to people what no rule before has narrowed down',
  )
export type AssignmentRule = z.infer<typeof rule>

export const assignmentRules = z.object({
  rules: z
    .array(rule)
    .max(4)
    .refine((list) => isEachOnce(list.map(({ kind }) => kind)), { error: 'has two rules of one kind' })
    .describe('Applied in this order; empty: conversations are not assigned by rules'),
  keepRepliesHours: z
    .int()
    .min(0)
    .max(8760)
    .default(24)
    .describe(
      'Replies stay with the user to whom they belong, also while the user is away, if the user is back within so many hours',
    ),
})
export type AssignmentRules = z.infer<typeof assignmentRules>

/** Of an account for which nobody has put any: nothing is assigned. */
export const noRules: AssignmentRules = { rules: [], keepRepliesHours: 24 }

/** In the stream `assignmentrules-<accountId>`. */
export const AssignmentRulesChanged = defineEvent(
  'AssignmentRulesChanged',
  z.object({ accountId, ...assignmentRules.shape }),
)

/** Why somebody did not get a conversation whose turn it might have been. */
export const passedOver = z.object({
  userId: crmId,
  why: z
    .enum(['left', 'no-access', 'away', 'outside-hours', 'at-capacity'])
    .describe('`left`: the directory has no such user. `no-access`: the user can no longer answer'),
})
export type PassedOver = z.infer<typeof passedOver>

/**
 * What a decision was based on: the territory and product of who wrote, the user to whom a reply belongs, the rules as of
 * this revision of their stream, and everything else as of this position of the log and this instant.
 */
const basis = {
  territory: z.string().nullable(),
  product: z.string().nullable(),
  belongsTo: crmId.nullable(),
  rulesRevision: z.int(),
  factsAt: z.string(),
  decidedAt: instant,
}

// In the stream `assignment-<accountId>`.
/** `taken`: the turns that users have taken under these rules, as far as this decision changes them. */
export const ConversationPicked = defineEvent(
  'ConversationPicked',
  z.object({
    accountId,
    conversationId,
    userId: crmId,
    rule: z.enum(['territory', 'product', 'round-robin', 'stays-with']),
    detail: z.string().max(500),
    passedOver: z.array(passedOver),
    taken: z.array(z.object({ userId: crmId, turns: z.int() })),
    ...basis,
  }),
)
/** `nobody-available`: it is tried again, without being recorded again. */
export const ConversationLeftUnassigned = defineEvent(
  'ConversationLeftUnassigned',
  z.object({
    accountId,
    conversationId,
    reason: z.enum(['manual', 'nobody-available']),
    detail: z.string().max(500),
    passedOver: z.array(passedOver),
    ...basis,
  }),
)

const timeOfDay = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'is not a time of the day, such as 09:30')
  .describe('On the clock in the time zone, such as `09:30`; `24:00` is the end of the day')
export const weekdays = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const
const shift = z
  .object({
    day: z.enum(weekdays).describe('Day of the week in the time zone'),
    from: timeOfDay,
    to: timeOfDay,
  })
  .refine(({ from, to }) => from < to, { error: 'ends before it begins' })
const workingHours = z.object({
  timeZone: z
    .string()
    .max(64)
    .refine(isTimeZone, { error: 'is not a name in the IANA time zone database, such as Europe/Berlin' })
    .describe('Name in the IANA time zone database'),
  days: z.array(shift).min(1).max(50).describe('Several for one day are several shifts'),
})
export type WorkingHours = z.infer<typeof workingHours>

/** Kept in UTC. */
const moment = askedInstant.overwrite((text) =>
  Number.isNaN(Date.parse(text)) ? text : new Date(text).toISOString(),
)
const away = z
  .object({
    from: moment,
    until: moment.nullable().default(null).describe('Null: until further notice'),
    reason: z
      .string()
      .trim()
      .max(200)
      .regex(...oneLine)
      .nullable()
      .default(null)
      .describe('Why, in the words of the user'),
  })
  .refine(({ from, until }) => until === null || from < until, { error: 'ends before it begins' })

export const availability = z.object({
  away: away.nullable().default(null).describe('Null: not away'),
  workingHours: workingHours.nullable().default(null).describe('Null: at any time'),
})
export type Availability = z.infer<typeof availability>

/** In the stream `availability-<userId>`. */
export const UserAvailabilityChanged = defineEvent(
  'UserAvailabilityChanged',
  z.object({ userId: crmId, ...availability.shape }),
)

export const assignmentEvents = [
  AssignmentRulesChanged,
  ConversationPicked,
  ConversationLeftUnassigned,
  UserAvailabilityChanged,
] as const
export type AssignmentEvent = EventOf<(typeof assignmentEvents)[number]>
export type RulesEvent = EventOf<typeof AssignmentRulesChanged>
export type PickEvent = EventOf<typeof ConversationPicked | typeof ConversationLeftUnassigned>
export type AvailabilityEvent = EventOf<typeof UserAvailabilityChanged>
