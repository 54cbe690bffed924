import { z } from 'zod'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { oneLine } from '../mail.ts'

export const templateId = idOf('tpl').describe('Id of a template')

/** A personal template belongs to one user, a shared one to everybody. */
const templateScope = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('personal'), userId: crmId }),
  z.object({ kind: z.literal('shared') }),
])
export type TemplateScope = z.infer<typeof templateScope>

export const templateContent = z.object({
  name: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .regex(...oneLine),
  subject: z
    .string()
    .trim()
    .max(998)
    .regex(...oneLine),
  body: z.object({ format: z.enum(['html', 'mjml']), source: z.string().max(500_000) }),
})
export type TemplateContent = z.infer<typeof templateContent>

/** `version` counts from 1; an email sent from a template records the version. */
export const TemplateCreated = defineEvent(
  'TemplateCreated',
  z.object({ templateId, version: z.int(), scope: templateScope, content: templateContent }),
)
export const TemplateChanged = defineEvent(
  'TemplateChanged',
  z.object({ templateId, version: z.int(), content: templateContent }),
)
export const TemplateDeleted = defineEvent('TemplateDeleted', z.object({ templateId }))

export const templateEvents = [TemplateCreated, TemplateChanged, TemplateDeleted] as const
export type TemplateEvent = EventOf<(typeof templateEvents)[number]>
