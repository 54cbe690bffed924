import { z } from 'zod'
import { defineProblem } from './problems.ts'

// What views of mail have in common that is not visible to everybody as a whole.

export const visible = z
  .enum(['metadata', 'subject', 'everything'])
  .describe('How much of it is visible to you: what is not is null')
export const visibleSubject = z.string().nullable().describe('Null if it is not visible to you')
export const visibleSnippet = z
  .string()
  .nullable()
  .describe('How the text begins; null if not everything is visible to you')

export const contentNotVisible = defineProblem(404, 'content-not-visible', {
  title: 'Content not visible to you',
  meaning: 'Of this mail only its metadata, or its metadata and its subject, are visible to you.',
  remedy: 'Ask the owner of the account to set its `visibility` to `everything`.',
})
